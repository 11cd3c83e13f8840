#!/usr/bin/env python3
"""Each demand of docs/rfc-map.md has a function and a test, each incident of docs/threat-model.md a test;
and all of them are there.

    test_rfc_map.py ROOT BUILD-DIRECTORY
"""

import copy
import pathlib
import sys
import unittest

import demands

BUILD = pathlib.Path(sys.argv.pop(2)).resolve()
ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
MAP = (ROOT / "docs/rfc-map.md").read_text()
THREATS = (ROOT / "docs/threat-model.md").read_text()
GROUPS = {"R": 14, "H": 22, "HB": 10, "C": 11, "O": 5}
IDS = [f"{group}{n}" for group, count in GROUPS.items() for n in range(1, count + 1)]
INCIDENTS = [f"I{n}" for n in range(1, 26)]
BUILT = demands.Built(BUILD)


class Pages(unittest.TestCase):
    def test_every_demand_has_its_function_and_its_test(self):
        self.assertEqual(demands.faults(MAP, "id", IDS, ROOT, BUILT), [])

    def test_every_incident_has_its_test(self):
        self.assertEqual(demands.faults(THREATS, "incident", INCIDENTS, ROOT, BUILT, clauses=False), [])

    def test_the_threat_model_leads_to_demands_that_exist(self):
        said = set(demands.re.findall(r"\[([A-Z]+\d+)\]\(rfc-map\.md", THREATS))
        self.assertTrue(said and said <= set(IDS), said - set(IDS))


class Check(unittest.TestCase):
    """The check itself, with a page of one demand that is broken in one place."""

    HEAD = "| id | demand | function | tests |\n|---|---|---|---|\n"

    def setUp(self):
        self.line = next(x for x in MAP.splitlines() if x.startswith("| R5 |"))
        self.row, = demands.rows(self.HEAD + self.line, "id")
        self.assertEqual(self.faults(self.line), [])

    def faults(self, *lines, built=BUILT):
        return demands.faults(self.HEAD + "\n".join(lines), "id", ["R5"], ROOT, built)

    def broken(self, old, new):
        line = self.line.replace(old, new, 1)
        self.assertNotEqual(line, self.line)
        return self.faults(line)

    def test_a_row_that_is_missing_or_twice_or_unknown(self):
        self.assertEqual(self.faults(), ["R5 is missing"])
        self.assertEqual(self.faults(self.line, self.line), ["R5 stands twice"])
        self.assertEqual(self.broken("| R5 |", "| R99 |"), ["R5 is missing", "R99 is none of the ids"])

    def test_a_row_without_a_function_a_test_or_a_clause(self):
        cells = self.line.split("|")
        for at, fault in (3, "no function"), (4, "no test"):
            blank = "|".join(" " if i == at else c for i, c in enumerate(cells))
            self.assertEqual(self.faults(blank), [f"R5: {fault}"])
        self.assertEqual(self.broken("(RFC ", "(in "), ["R5: no clause"])

    def test_a_function_that_is_not_there(self):
        file, _, name = self.row.functions[0].partition(":")
        self.assertEqual(self.broken(f":{name}", f":{name}x"), [f"R5: no {name}x in {file}"])
        self.assertEqual(self.broken(file, "dtls/nothing.c"), ["R5: no file dtls/nothing.c"])
        # It is called there, and stands elsewhere.
        self.assertEqual(self.broken(file, "dtls/state.c"), [f"R5: no {name} in dtls/state.c"])

    def test_a_test_that_is_not_there(self):
        test = f"`{self.row.tests[0]}`"
        for wrong, fault in (("replay/nothing", "no compiled test replay/nothing"),
                             ("ctest:nothing", "no registered test nothing"),
                             ("test_none.py:test_x", "no registered file test_none.py"),
                             ("test_key_log.py:test_x", "no test_x in test_key_log.py")):
            self.assertEqual(self.broken(test, f"`{wrong}`"), [f"R5: {fault}"])

    def test_a_test_whose_file_is_not_built(self):
        """It stands in the source, but CMakeLists.txt does not list it."""
        compiled = next(t for t in self.row.tests if ".py:" not in t)
        python = next(t for t in self.row.tests if ".py:" in t).partition(":")[0]
        less = copy.copy(BUILT)
        less.compiled = BUILT.compiled - {compiled}
        self.assertEqual(self.faults(self.line, built=less), [f"R5: no compiled test {compiled}"])
        less = copy.copy(BUILT)
        less.python = {f for f in BUILT.python if not f.endswith(python)}
        self.assertEqual(self.faults(self.line, built=less), [f"R5: no registered file {python}"])


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The reference in docs/module-guide.md has everything that the header has, and says the same.

    test_reference.py ROOT
"""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
HEADER = (ROOT / "plugin-api/include/dtlsd/module.h").read_text()
GUIDE = (ROOT / "docs/module-guide.md").read_text()
COMMENT = re.compile(r"/\*.*?\*/", re.S)
FUNCTION = re.compile(r"\(\*(\w+)\)\(const struct dtlsd_c")


def body(name):
    return re.search(rf"^struct {name} \{{\n(.*?)^\}};", HEADER, re.M | re.S)[1]


def members(name):
    """Names of a struct's members, in order; those of pointers to functions too."""
    found = []
    for declaration in COMMENT.sub("", body(name)).split(";"):
        function = re.search(r"\(\*(\w+)\)\(", declaration)
        if function:
            found.append(function[1])
            continue
        names = re.sub(r"\[[^\]]*\]", "", declaration).strip()
        found += [n.strip(" *").split()[-1].strip("*") for n in names.split(",") if n.strip()]
    return found


def rows():
    """Of all tables: the names in the first cell -> the other cells."""
    found = {}
    for line in GUIDE.splitlines():
        if line.startswith("| `"):
            cells = [c.strip() for c in line.strip("|").split("|")]
            for name in re.findall(r"`(\w+)`", cells[0]):
                found.setdefault(name, cells[1:])
    return found


def threads():
    """Function of the host -> WORKER or ANY, as the comment before it says."""
    found, mark = {}, ""
    for comment, name in re.findall(r"(/\*.*?\*/)|\(\*(\w+)\)\(const struct dtlsd_ctx \*c[,)]",
                                    body("dtlsd_host"), re.S):
        said = re.match(r"/\* (ANY|WORKER)\b", comment)
        mark = said[1] if said else mark
        if name and name not in ("call", "fired", "ready", "each"):
            found[name] = mark
    return found


class Reference(unittest.TestCase):
    def test_every_hook_has_a_heading(self):
        hooks = [m for m in members("dtlsd_module") if re.search(rf"\(\*{m}\)", body("dtlsd_module"))]
        self.assertEqual(len(hooks), 16)
        headings = re.findall(r"^### (\w+)$", GUIDE, re.M)
        self.assertCountEqual(headings, hooks)  # by theme; the header only grows at its end

    def test_every_other_member_of_a_module_is_in_a_table(self):
        hooks = set(re.findall(r"^### (\w+)$", GUIDE, re.M))
        for member in members("dtlsd_module"):
            with self.subTest(member=member):
                self.assertTrue(member in hooks or member in rows())

    def test_every_function_of_the_host_is_in_the_table_with_its_thread(self):
        found = threads()
        self.assertEqual(len(found), 22)
        for name, thread in found.items():
            with self.subTest(function=name):
                self.assertEqual(rows()[name][0], thread)

    def test_every_other_member_of_the_host_is_named(self):
        for member in members("dtlsd_host"):
            self.assertTrue(f"`{member}`" in GUIDE, member)

    def test_every_member_of_an_event_is_named(self):
        for event in ("ctx", "check", "request", "psk", "auth", "connected", "datagram", "disconnected",
                      "peer_moved", "tls_status", "error", "log_line"):
            for member in members("dtlsd_" + event):
                if member != "opaque": # the host's
                    self.assertTrue(re.search(rf"[`>]{member}\b", GUIDE), f"{member} of {event}")

    def test_every_result_verdict_type_and_flag_is_named(self):
        values = re.findall(r"^#define (DTLSD_\w+) +(?:\(?-?\d|0x)", HEADER, re.M)
        left_out = re.compile("DTLSD_(MAGIC|ABI_|IPV|OFFERS_|SAN_)")
        for value in values:
            if not left_out.match(value):
                short = value.removeprefix("DTLSD_")
                self.assertTrue(re.search(rf"`{value}`|\b{short}\b", GUIDE), value)

    def test_results_have_the_values_of_the_header(self):
        for name, value in re.findall(r"^#define (DTLSD_\w+) +\(?(-?\d)\)?\s+/\*", HEADER, re.M):
            if name in rows():
                self.assertEqual(rows()[name][0], value)

    def test_each_signature_is_that_of_the_header(self):
        flat = re.sub(r"\s+", " ", COMMENT.sub("", body("dtlsd_module")))
        said = re.findall(r"^### (\w+)\n\n`([^`]*)`", GUIDE, re.M)
        self.assertEqual(len(said), 16)
        for hook, signature in said:
            with self.subTest(hook=hook):
                self.assertIn(signature.replace(f"{hook}(", f"(*{hook})(") + ";", flat)


if __name__ == "__main__":
    unittest.main()

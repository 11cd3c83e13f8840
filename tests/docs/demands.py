"""The tables of docs/rfc-map.md and docs/threat-model.md: demands, the functions that fulfil them, the
tests that show it. What is named there has to exist, and the tests have to be compiled and registered.

In a table: a function is `room/file.c:name`; a test is `suite/name` (Criterion),
`test_file.py:test_name` (Python) or `ctest:name`.
"""

import concurrent.futures
import dataclasses
import json
import pathlib
import re
import subprocess

CODE = re.compile(r"`([^`]+)`")
CLAUSE = re.compile(r"\((?:RFC \d{4,5}|own design)\b[^)]*\)")


@dataclasses.dataclass
class Row:
    id: str
    demand: str
    functions: list
    tests: list


def rows(page, heading):
    """Of all tables whose first column is called so. A column that is missing is None."""
    found, columns = [], None
    for line in page.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")] if line.startswith("|") else None
        if cells is None:
            columns = None
        elif columns is None:
            columns = cells
        elif columns[0] == heading and not set(cells[0]) <= set("-:"):
            of = dict(zip(columns, cells))
            found.append(Row(cells[0], cells[1], code_in(of.get("function")), code_in(of.get("tests"))))
    return found


def code_in(cell):
    return None if cell is None else CODE.findall(cell)


class Built:
    """What the build directory registers: names of tests, Python files, compiled Criterion tests."""

    def __init__(self, build):
        shown = subprocess.run(["ctest", "--show-only=json-v1"], cwd=build, capture_output=True, text=True, check=True)
        tests = [(t["name"], t.get("command", [])) for t in json.loads(shown.stdout)["tests"]]
        self.names = {name for name, _ in tests}
        self.python = {word for _, command in tests for word in command if word.endswith(".py")}
        programs = [command[0] for _, command in tests if "--jobs" in command]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            self.compiled = set().union(*pool.map(list_tests, programs))


def list_tests(program):
    """What a Criterion program holds, as suite/name."""
    said = subprocess.run([program, "--list"], capture_output=True, text=True).stdout
    found, suite = set(), None
    for line in said.splitlines():
        head = re.match(r"(\w+): \d+ tests?$", line)
        leaf = re.match(r"\W+ (\w+)$", line)
        if head:
            suite = head[1]
        elif leaf and suite:
            found.add(f"{suite}/{leaf[1]}")
    return found


def function_fault(root, name):
    """Why `room/file.c:name` is none; None when it is one."""
    path, _, function = name.partition(":")
    file = root / "core" / path
    if not file.is_file():
        file = root / path
    if not function or not file.is_file():
        return f"no file {path}"
    # The style of the code puts a function's name at the beginning of a line; or it is a table.
    if not re.search(rf"^(?:#define )?{re.escape(function)}\b", file.read_text(), re.M) and \
            not re.search(rf"^static inline [\w ]*\n?{re.escape(function)}\(", file.read_text(), re.M):
        return f"no {function} in {path}"
    return None


def test_fault(built, name):
    if name.startswith("ctest:"):
        return None if name[6:] in built.names else f"no registered test {name[6:]}"
    if ".py:" not in name:
        return None if name in built.compiled else f"no compiled test {name}"
    file, _, function = name.partition(":")
    files = [f for f in built.python if pathlib.PurePath(f).name == file]
    if not files:
        return f"no registered file {file}"
    if not any(re.search(rf"^ *def {re.escape(function)}\(", pathlib.Path(f).read_text(), re.M) for f in files):
        return f"no {function} in {file}"
    return None


def faults(page, heading, ids, root, built, clauses=True):
    """What is wrong with a page, a line for each."""
    found, here = [], rows(page, heading)
    said = [row.id for row in here]
    found += [f"{i} is missing" for i in ids if i not in said]
    found += [f"{i} is none of the ids" for i in said if i not in ids]
    found += [f"{i} stands twice" for i in sorted(set(said)) if said.count(i) > 1]
    for row in here:
        wrong = []
        if clauses and not CLAUSE.search(row.demand):
            wrong.append("no clause")
        if row.functions is not None:
            wrong += [function_fault(root, f) for f in row.functions] or ["no function"]
        wrong += [test_fault(built, t) for t in row.tests or []] or ["no test"]
        found += [f"{row.id}: {w}" for w in wrong if w]
    return found

#!/usr/bin/env python3
"""Refuses long files, long functions, and paths of somebody's machine.

    check_sizes.py ROOT         prints file:line: what; exits 1 when there is any

Longer is allowed with a reason beside it: a comment "size: why" in the first lines of the file, or
in the comment directly above the function.
"""

import pathlib
import re
import sys

import tree

FILE_LINES = 600
FUNCTION_LINES = 60
HEAD_LINES = 20
MEASURED = ("core", "modules", "plugin-api", "tests", "tools", "cmake")
SOURCES = {".c", ".h", ".def", ".cpp", ".hpp", ".py", ".sh", ".cmake"}
C_SOURCES = {".c", ".h", ".cpp", ".hpp"}

REASON = re.compile(r"\bsize: *\w")
# "{" alone at the margin, or a signature at the margin that ends in it.
OPENS = re.compile(r"^(\{|(?!struct|union|enum|typedef|extern)[A-Za-z_].*\) *\{)$")
# In pieces, so that this file does not hold what it looks for.
MACHINE_PATH = re.compile(r"(?<![\w.])/(wor" + r"k/|tm" + r"p/b-|roo" + r"t\b)")


def functions(lines):
    """Yields (first, last) of every function as line indices; first is its return type."""
    start = None
    for i, line in enumerate(lines):
        if start is None and OPENS.match(line):
            start = i
            while start > 0 and re.match(r"[A-Za-z_\s(]", lines[start - 1]) \
                    and not lines[start - 1].isspace() and not lines[start - 1].startswith(" *"):
                start -= 1
        elif start is not None and line.startswith("}"):
            yield start, i
            start = None


def reason_above(lines, first):
    """The comment that ends on the line above `first` says why."""
    i = first - 1
    while i >= 0 and re.match(r"\s*(/\*|\*|//)", lines[i]):
        if REASON.search(lines[i]):
            return True
        i -= 1
    return False


def check_file(path, lines):
    if len(lines) > FILE_LINES and not any(REASON.search(l) for l in lines[:HEAD_LINES]):
        yield f"{path}:1: {len(lines)} lines, and no reason for more than {FILE_LINES}"
    if path.suffix not in C_SOURCES:
        return
    for first, last in functions(lines):
        length = last - first + 1
        if length > FUNCTION_LINES and not reason_above(lines, first):
            yield (f"{path}:{first + 1}: a function of {length} lines, and no reason for more than "
                   f"{FUNCTION_LINES}")


def complaints(root):
    root = pathlib.Path(root)
    for path in tree.files(root):
        try:
            lines = (root / path).read_text().splitlines()
        except UnicodeDecodeError:
            continue  # a binary fixture
        for number, line in enumerate(lines, 1):
            found = MACHINE_PATH.search(line)
            if found:
                yield f"{path}:{number}: a path of one machine: {found.group()}"
        if path.parts[0] in MEASURED and path.suffix in SOURCES:
            yield from check_file(path, lines)


if __name__ == "__main__":
    found = list(complaints(sys.argv[1]))
    print("\n".join(found) or "nothing is too long")
    sys.exit(1 if found else 0)

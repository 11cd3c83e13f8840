#!/usr/bin/env python3
"""The tables of the pages that come from the tables of the core.

    tables.py ROOT           exit code 1 when a page does not have them as they are now
    tables.py ROOT --write   puts them there
"""

import pathlib
import re
import sys

PAGES = ("docs/getting-started.md", "docs/operations.md")
ROW = re.compile(r"^X\((.*?)\)$", re.M | re.S)
FIELD = re.compile(r'"((?:[^"\\]|\\.)*)"|([A-Za-z0-9_]+)')


def rows(root, path):
    text = (root / path).read_text()
    return [[quoted or word for quoted, word in FIELD.findall(row)] for row in ROW.findall(text)]


def table(head, lines):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] +
                     ["| " + " | ".join(line) + " |" for line in lines])


def drops(root, kind):
    return table(("name", "the " + kind.lower() + " was"),
                 [(f"`{name}`", text) for _, k, name, text in rows(root, "core/base/drops.def") if k == kind])


def tables(root):
    return {
        "counters": table(("name", "counts"), [(f"`{name}`", text) for _, name, text in
                                               rows(root, "core/base/counters.def")]),
        "datagrams": drops(root, "DATAGRAM"),
        "records": drops(root, "RECORD"),
        "modules": table(("name", "counts"), [(f"`{name}`", text) for _, name, text in
                                              rows(root, "core/plugin/own_counters.def")]),
        "commands": table(("command", "does"), [(f"`{row[1]}`", row[-2]) for row in
                                                rows(root, "core/server/control_table.def")]),
        "reasons": table(("reason", "status"), [(text, status) for name, status, text in
                                                rows(root, "core/conn/close.def") if name != "NONE"]),
    }


def rendered(root, name):
    """The page as it should be."""
    wanted = tables(root)

    def put(match):
        return f"<!-- table: {match[1]} -->\n{wanted[match[1]]}\n<!-- end -->"
    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", put, (root / name).read_text(), flags=re.S)


def main():
    root = pathlib.Path(sys.argv[1])
    for name in PAGES:
        page = root / name
        if sys.argv[2:] == ["--write"]:
            page.write_text(rendered(root, name))
        elif page.read_text() != rendered(root, name):
            sys.exit(f"{name} is behind the tables of the core: run tests/docs/tables.py . --write")


if __name__ == "__main__":
    main()

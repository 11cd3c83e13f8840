#!/usr/bin/env python3
"""The checkers are checked: each sentence is a small tree that they must pass or refuse."""

import pathlib
import tempfile
import unittest

import check_includes
import check_sizes


def complaints(checker, tree):
    with tempfile.TemporaryDirectory() as root:
        for name, text in tree.items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return list(checker.complaints(root))


def one_include(name, include, *others):
    """What is said about `include` in the file `name`, when the files `others` exist."""
    tree = {other: "" for other in others}
    tree[name] = f"/* x */\n#include {include}\n"
    return complaints(check_includes, tree)


class Includes(unittest.TestCase):
    # May the room of the row include the room of the column?
    ROOMS = ["base", "io", "dtls", "pki", "conn", "config", "plugin", "server"]
    ALLOWED = [
        "y.......",
        "yy......",
        "y.y.....",
        "y..y....",
        "yyyyy...",
        "yyyyyy..",
        "yyyyyyy.",
        "yyyyyyyy",
    ]

    def test_every_edge_between_two_rooms_is_as_the_table_says(self):
        for room, row in zip(self.ROOMS, self.ALLOWED):
            for other, mark in zip(self.ROOMS, row):
                with self.subTest(room=room, other=other):
                    said = one_include(f"core/{room}/a.c", f'"{other}/b.h"', f"core/{other}/b.h")
                    self.assertEqual(said == [], mark == "y", said)

    def test_a_complaint_names_file_line_and_edge(self):
        said = one_include("core/dtls/deep/a.h", '"io/b.h"', "core/io/b.h")
        self.assertEqual(said, ['core/dtls/deep/a.h:2: dtls may not know io ("io/b.h")'])

    def test_the_way_an_include_is_written_does_not_hide_it(self):
        for line in ['# include "io/b.h"', '  #include"io/b.h"', '#\tinclude\t"io/b.h" /* x */']:
            tree = {"core/base/a.c": line, "core/io/b.h": ""}
            self.assertEqual(len(complaints(check_includes, tree)), 1, line)

    def test_a_room_is_written_with_its_name_and_in_quotes(self):
        for include in ['"b.h"', '"../io/b.h"', "<base/b.h>", '"modules/b.h"', '"base/gone.h"']:
            said = one_include("core/base/a.c", include, "core/base/b.h", "core/io/b.h")
            self.assertEqual(len(said), 1, include)

    def test_a_header_of_the_system_belongs_to_its_rooms(self):
        rows = [
            ("<openssl/ssl.h>", {"dtls", "pki", "server"}),
            ("<sys/socket.h>", {"io", "server"}),
            ("<sys/epoll.h>", {"io", "server"}),
            ("<netinet/in.h>", {"io", "server"}),
            ("<arpa/inet.h>", {"io", "server"}),
            ("<jansson.h>", {"config"}),
            ("<dlfcn.h>", {"plugin"}),
            ("<stdio.h>", set(self.ROOMS)),
            ("<sys/random.h>", set(self.ROOMS)),
            ("<dtlsd/module.h>", set(self.ROOMS)),
            ("<dtlsd/other.h>", set()),
        ]
        for include, allowed in rows:
            passed = {r for r in self.ROOMS if not one_include(f"core/{r}/a.c", include)}
            self.assertEqual(passed, allowed, include)

    def test_the_address_file_of_base_may_know_sockets(self):
        self.assertEqual(one_include("core/base/addr.c", "<netinet/in.h>"), [])

    def test_a_folder_that_is_no_room_is_refused(self):
        self.assertEqual(len(one_include("core/misc/a.c", "<stdio.h>")), 1)
        self.assertEqual(len(one_include("core/a.c", "<stdio.h>")), 1)

    def test_a_module_knows_its_own_files_and_the_abi(self):
        rows = [
            ('"table.h"', True), ("<dtlsd/module.h>", True), ("<sys/socket.h>", True),
            ('"base/addr.h"', False), ("<base/addr.h>", False), ('"../../core/base/addr.h"', False),
            ('"../relay/relay.h"', False),
        ]
        for include, fine in rows:
            said = one_include("modules/echo/echo.c", include, "modules/echo/table.h",
                               "core/base/addr.h", "modules/relay/relay.h")
            self.assertEqual(said == [], fine, include)

    def test_the_abi_needs_two_headers_of_libc(self):
        header = "plugin-api/include/dtlsd/module.h"
        self.assertEqual(one_include(header, "<stdint.h>"), [])
        self.assertEqual(len(one_include(header, "<openssl/ssl.h>")), 1)


def function(lines, above="", head="static int\nname(int a,\n    int b)\n{\n"):
    """A function of exactly `lines` lines, and the comment above it."""
    body = lines - head.count("\n") - 1
    return above + head + "\n".join(["\treturn;"] * body) + "\n}\n"


class Sizes(unittest.TestCase):
    def said(self, text, name="core/base/a.c"):
        return complaints(check_sizes, {name: text})

    def test_the_longest_function_has_60_lines(self):
        self.assertEqual(self.said(function(60)), [])
        self.assertEqual(self.said(function(61)),
                         ["core/base/a.c:1: a function of 61 lines, and no reason for more than 60"])

    def test_a_function_is_found_however_it_begins(self):
        for head in ["Test(a, b)\n{\n", "int name(void) {\n", "static void\nname(void)\n{\n",
                     "struct x *\nname(void)\n{\n"]:
            self.assertEqual(self.said(function(60, head=head)), [], head)
            self.assertEqual(len(self.said(function(61, head=head))), 1, head)

    def test_what_stands_before_a_function_is_not_counted(self):
        before = "#include <x.h>\n\nstatic int y;\n\n/* Why. */\n"
        self.assertEqual(self.said(function(60, above=before)), [])

    def test_a_long_table_is_no_function(self):
        rows = "\t{1, 2},\n" * 100
        self.assertEqual(self.said("static const int t[] = {\n" + rows + "};\n"), [])
        self.assertEqual(self.said("struct big {\n" + "\tint x;\n" * 100 + "};\n"), [])

    def test_a_reason_directly_above_allows_a_long_function(self):
        self.assertEqual(self.said(function(90, above="/* Why.\n * size: one table of states. */\n")), [])
        self.assertEqual(len(self.said(function(90, above="/* size: why. */\n\n"))), 1)
        self.assertEqual(len(self.said(function(90, above="/* size: */\n"))), 1)

    def test_the_longest_file_has_600_lines(self):
        self.assertEqual(self.said("\n" * 600), [])
        self.assertEqual(self.said("\n" * 601),
                         ["core/base/a.c:1: 601 lines, and no reason for more than 600"])
        self.assertEqual(self.said("/* size: a list of cases. */\n" + "\n" * 700), [])

    def test_tests_and_modules_are_measured_and_documents_are_not(self):
        for name in ["modules/x/x.c", "tests/unit/a.c", "plugin-api/include/a.h", "tests/a.py"]:
            self.assertEqual(len(self.said("\n" * 601, name)), 1, name)
        self.assertEqual(self.said("\n" * 601, "docs/a.md"), [])

    def test_paths_of_one_machine_are_refused_wherever_they_stand(self):
        for path in ["/roo" + "t/x", "/wor" + "k/main", "/tm" + "p/b-me"]:
            for name in ["docs/a.md", "core/base/a.c", "Makefile"]:
                self.assertEqual(len(self.said(f"see {path}\n", name)), 1, path)
        for fine in ["net" + "work/x", "/tm" + "p/x", "a/roo" + "ts", "$(SRC)/../wor" + "k"]:
            self.assertEqual(self.said(fine, "docs/a.md"), [], fine)

    def test_a_binary_file_is_left_alone(self):
        with tempfile.TemporaryDirectory() as root:
            pathlib.Path(root, "x.der").write_bytes(b"\xff\xfe/wor" + b"k/")
            self.assertEqual(list(check_sizes.complaints(root)), [])


if __name__ == "__main__":
    unittest.main()

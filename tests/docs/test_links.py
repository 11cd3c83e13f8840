#!/usr/bin/env python3
"""Every link between the pages leads somewhere, and what they name exists.

    test_links.py ROOT BUILD-DIRECTORY
"""

import pathlib
import re
import subprocess
import sys
import unittest

import pages

BUILD = pathlib.Path(sys.argv.pop(2)).resolve()
ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("modules/*/README.md")])
OWN = [ROOT / "README.md", *(ROOT / "docs" / f"{n}.md" for n in ("getting-started", "operations", "module-guide",
                                                                "architecture"))]


def words_after(text, command):
    """In code only: "make one" is English."""
    return set(re.findall(rf"(?:^ *|`|^sudo |; ){command} ([a-z][a-z-]*)\b", text, re.M))


class Links(unittest.TestCase):
    def test_every_link_leads_to_a_file(self):
        for page in PAGES:
            for link in pages.links(page.read_text()):
                path = link.partition("#")[0]
                if "://" in link or not path:
                    continue
                with self.subTest(page=page.name, link=link):
                    self.assertTrue((page.parent / path).exists())

    def test_every_anchor_is_a_heading(self):
        for page in PAGES:
            for link in pages.links(page.read_text()):
                path, _, anchor = link.partition("#")
                target = page.parent / path if path else page
                if "://" in link or not anchor or not target.exists():
                    continue
                with self.subTest(page=page.name, link=link):
                    self.assertIn(anchor, pages.anchors(target.read_text()))

    def test_every_module_is_in_the_front_page(self):
        front = (ROOT / "README.md").read_text()
        for manual in ROOT.glob("modules/*/README.md"):
            self.assertTrue(f"](modules/{manual.parent.name}/README.md)" in front, manual)

    def test_every_picture_is_used_and_says_what_it_shows(self):
        text = "".join(p.read_text() for p in PAGES)
        for picture in ROOT.glob("docs/*.svg"):
            with self.subTest(picture=picture.name):
                self.assertTrue(picture.name + ")" in text)
                self.assertTrue("<desc" in picture.read_text())
                self.assertTrue("prefers-color-scheme: dark" in picture.read_text())


class Names(unittest.TestCase):
    def test_make_has_every_target_that_is_named(self):
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
        for page in OWN:
            with self.subTest(page=page.name):
                self.assertLessEqual(words_after(page.read_text(), "make"), targets)

    def test_the_daemon_has_every_option_that_is_named(self):
        said = subprocess.run([BUILD / "dtlsd", "--help"], capture_output=True, text=True, check=True).stdout
        for page in OWN:
            for option in re.findall(r"\bdtlsd ((?:-c \S+ )?)(--?[a-z]+)", page.read_text()):
                with self.subTest(page=page.name, option=option[1]):
                    self.assertRegex(said, rf"(?<![\w-]){option[1]}(?![\w-])")

    def test_the_daemon_says_every_signal_that_is_in_the_table(self):
        said = subprocess.run([BUILD / "dtlsd", "--help"], capture_output=True, text=True, check=True).stdout
        self.assertIn("TERM and INT", said)
        self.assertIn("USR1", said)

    def test_no_page_names_a_path_of_a_machine(self):
        for page in PAGES:
            with self.subTest(page=page.name):
                self.assertFalse(re.search(r"/(?:home|work|root)/", page.read_text()))


if __name__ == "__main__":
    unittest.main()

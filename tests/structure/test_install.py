#!/usr/bin/env python3
"""What `make install` lays down, in a directory of its own.

    test_install.py ROOT BUILD-DIRECTORY
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(sys.argv.pop(2)).resolve()
ROOT = pathlib.Path(sys.argv.pop(1)).resolve()


def cached(name):
    for line in (BUILD / "CMakeCache.txt").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split("=", 1)[1]
    raise KeyError(name)


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = tempfile.TemporaryDirectory()
        subprocess.run(["cmake", "--install", BUILD], check=True, capture_output=True,
                       env={**os.environ, "DESTDIR": cls.stage.name})
        cls.prefix = pathlib.Path(cls.stage.name + cached("CMAKE_INSTALL_PREFIX"))

    @classmethod
    def tearDownClass(cls):
        cls.stage.cleanup()

    def test_the_daemon_starts_from_where_it_was_put(self):
        done = subprocess.run([self.prefix / "bin/dtlsd", "--version"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("0.1.0", done.stdout)

    def test_the_program_of_the_operator_is_there(self):
        done = subprocess.run([self.prefix / "bin/dtlsctl", "--version"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_every_module_is_there(self):
        sources = {p.parent.name for p in ROOT.glob("modules/*/CMakeLists.txt")}
        there = {p.stem for p in (self.prefix / cached("CMAKE_INSTALL_LIBDIR") / "dtlsd/modules").glob("*.so")}
        self.assertEqual(there, sources)

    def test_no_module_is_writable_by_others(self):
        for path in self.prefix.rglob("*.so"):
            self.assertEqual(path.stat().st_mode & 0o022, 0, path)

    def test_the_header_is_the_one_of_the_tree(self):
        installed = self.prefix / "include/dtlsd/module.h"
        self.assertEqual(installed.read_bytes(), (ROOT / "plugin-api/include/dtlsd/module.h").read_bytes())

    def test_every_example_is_there(self):
        examples = {p.name for p in ROOT.glob("conf/*.json")}
        there = {p.name for p in (self.prefix / "share/doc/dtlsd/conf").glob("*.json")}
        self.assertEqual(there, examples)
        self.assertTrue(examples)


if __name__ == "__main__":
    unittest.main()

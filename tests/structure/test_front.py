#!/usr/bin/env python3
"""The front door: what make offers, and what each target would run.

    test_front.py ROOT
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = {"help", "deps", "deps-build", "build", "run", "check", "asan", "tsan", "fuzz", "bench",
           "format", "install", "clean"}


def make(*arguments):
    # Not what a `make check` around this test hands down to its children.
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS")) and
           k not in ("PORT", "PREFIX", "DESTDIR")}
    done = subprocess.run(["make", "--no-print-directory", *arguments], cwd=ROOT, env=env,
                          capture_output=True, text=True, check=True)
    return done.stdout


class Front(unittest.TestCase):
    def test_make_alone_lists_every_target(self):
        self.assertEqual(set(re.findall(r"^  make (\S+)  +\S", make(), re.M)), TARGETS)

    def test_every_target_is_phony(self):
        [phony] = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.M)
        self.assertEqual(set(phony.split()), TARGETS)

    def test_run_builds_and_starts_the_daemon_on_the_port_asked_for(self):
        self.assertTrue(make("-n", "run").rstrip().endswith("build/release/dtlsd --dev --port 4433"))
        said = make("-n", "run", "PORT=5000")
        self.assertTrue(said.rstrip().endswith("--dev --port 5000"))
        self.assertLess(said.index("deps.sh build"), said.index("cmake --build"))
        self.assertNotIn("deps.sh build test", said)

    def test_check_covers_release_and_both_sanitizers(self):
        said = make("-n", "check")
        self.assertIn("tools/deps.sh build test\n", said)
        self.assertIn("tools/check.sh release asan tsan\n", said)

    def test_install_takes_prefix_and_destination(self):
        said = make("-n", "install", "PREFIX=/usr", "DESTDIR=stage")
        self.assertIn('-DCMAKE_INSTALL_PREFIX="/usr"\n', said)
        self.assertIn("cmake --install build/release\n", said)
        self.assertRegex(MAKEFILE, r"(?m)^export DESTDIR\b")

    def test_every_preset_that_is_named_exists(self):
        presets = json.loads((ROOT / "CMakePresets.json").read_text())
        names = {kind: {p["name"] for p in presets[kind] if not p.get("hidden")}
                 for kind in ("configurePresets", "buildPresets", "testPresets")}
        self.assertEqual(names["configurePresets"], {"release", "debug", "asan", "tsan", "fuzz"})
        self.assertEqual(names["buildPresets"], names["configurePresets"])
        self.assertEqual(names["testPresets"], names["configurePresets"] - {"fuzz"})

    def test_continuous_integration_runs_make_check_and_nothing_else(self):
        script = ROOT / ".ci/run"
        commands = [l for l in script.read_text().splitlines() if l and not l.startswith("#")]
        self.assertEqual(len(commands), 1)
        self.assertRegex(commands[0], r"make .* check$")
        self.assertTrue(os.access(script, os.X_OK))


if __name__ == "__main__":
    unittest.main()

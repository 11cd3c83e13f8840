"""Where things are. Every test file is run as: FILE SOURCE-DIRECTORY BUILD-DIRECTORY [unittest's]."""

import pathlib
import shutil
import sys

if len(sys.argv) < 3:
    sys.exit(f"usage: {sys.argv[0]} SOURCE-DIRECTORY BUILD-DIRECTORY [unittest options]")

BUILD = pathlib.Path(sys.argv.pop(2)).resolve()
SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
DTLSD = BUILD / "dtlsd"
CERTS = BUILD / "certs"
TEST_MODULES = BUILD / "test_modules"


def cert(name):
    """The path of a file that tests/support/certs/make.sh made, as text."""
    return str(CERTS / name)


def module(name):
    """The path of a module that only tests have, as "use" takes it."""
    return str(TEST_MODULES / f"{name}.so")


def tool(name):
    """The path of a program. A missing one fails the test that wants it, by name."""
    path = shutil.which(name)
    if path is None:
        raise AssertionError(f"the program {name} is not installed: run tools/deps.sh test")
    return path


def ill_behaved(name):
    """The path of a module of tests/plugins."""
    return str(BUILD / "tests/plugins/modules" / f"{name}.so")

#!/usr/bin/env python3
"""tools/deps.sh in a world of stubs: no test of it touches this machine's packages.

    test_deps.py ROOT
"""

import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
DEPS = ROOT / "tools/deps.sh"
TOOLS = ["sh", "cat", "chmod", "cut", "rm", "sed", "sort", "tr", "true"]

STUBS = {
    "dpkg-query": """
        for package; do :; done
        grep -qx "$package" "$WORLD/installed" && echo installed
    """,
    "id": 'cat "$WORLD/uid"',
    "apt-get": """
        echo "APT $1"
        echo "apt-get $* frontend=$DEBIAN_FRONTEND" >>"$WORLD/calls"
        if [ "$1" = install ]; then
            "$WORLD/policy-rc.d" foo start; echo "policy=$?" >>"$WORLD/calls"
        fi
        [ ! -e "$WORLD/kill-$1" ] || kill -TERM $PPID
        [ ! -e "$WORLD/fail-$1" ]
    """,
    "sudo": """
        echo "sudo $*" >>"$WORLD/calls"
        if [ "$1" = -n ]; then
            shift
            [ ! -e "$WORLD/password" ] || exit 1
        fi
        echo 0 >"$WORLD/uid"
        exec "$@"
    """,
}


class World:
    """A directory that is PATH, and what its stubs know and wrote down."""

    def __init__(self, uid=0, installed=(), without=()):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.bin = self.root / "bin"
        self.bin.mkdir()
        for tool in TOOLS + ["grep"]:
            (self.bin / tool).symlink_to(shutil.which(tool))
        for name, text in STUBS.items():
            if name not in without:
                (self.bin / name).write_text("#!/bin/sh\n" + text)
                (self.bin / name).chmod(0o755)
        self.write("uid", f"{uid}\n")
        self.write("installed", "\n".join(installed))
        self.policy = self.root / "policy-rc.d"

    def write(self, name, text=""):
        (self.root / name).write_text(text)

    def run(self, *groups, stdin=subprocess.DEVNULL):
        env = {"PATH": str(self.bin), "WORLD": str(self.root), "DTLSD_POLICY_RC": str(self.policy)}
        return subprocess.run([DEPS, *groups], env=env, stdin=stdin, capture_output=True, text=True)

    def calls(self):
        log = self.root / "calls"
        return log.read_text().splitlines() if log.exists() else []


def table():
    """{group: [packages]}, as deps.sh has it."""
    packages = {}
    for line in DEPS.read_text().splitlines():
        words = line.split()
        if line.startswith("\t") and words and words[0] in ("build", "test", "fuzz", "format"):
            packages.setdefault(words[0], []).append(words[1])
    return packages


PACKAGES = table()


class Deps(unittest.TestCase):
    def world(self, **kind):
        world = World(**kind)
        self.addCleanup(world.folder.cleanup)
        return world

    def everything_but(self, *missing):
        return [p for group in PACKAGES.values() for p in group if p not in missing]

    def installs(self, world):
        """What apt-get was asked to install, in one call."""
        [line] = [c for c in world.calls() if c.startswith("apt-get install")]
        return [w for w in line.split() if w in self.everything_but()]

    def test_where_nothing_is_missing_nothing_happens_and_no_root_is_needed(self):
        world = self.world(uid=1000, installed=self.everything_but(), without=("sudo", "apt-get"))
        done = world.run("build", "test", "fuzz", "format")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(world.calls(), [])

    def test_root_installs_exactly_what_is_missing(self):
        world = self.world(installed=self.everything_but("cmake", "libssl-dev"))
        done = world.run("build")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.installs(world), ["cmake", "libssl-dev"])
        update, install, _ = world.calls()
        self.assertTrue(update.startswith("apt-get update"))
        self.assertIn(" -y --no-install-recommends ", install)
        self.assertIn("frontend=noninteractive", install)

    def test_what_and_why_is_said_before_it_is_done(self):
        world = self.world(installed=self.everything_but("cmake"))
        said = world.run("build").stdout
        self.assertRegex(said, r"cmake +configures the build")
        self.assertLess(said.index("configures the build"), said.index("APT update"))

    def test_a_group_brings_its_own_packages_only(self):
        for group, packages in PACKAGES.items():
            world = self.world()
            world.run(group)
            self.assertEqual(self.installs(world), sorted(packages), group)

    def test_a_package_of_two_groups_is_named_once(self):
        world = self.world()
        world.run(*PACKAGES)
        self.assertEqual(self.installs(world), sorted(set(self.everything_but())))

    def test_no_service_starts_while_packages_are_installed(self):
        world = self.world()
        world.run("build")
        self.assertIn("policy=101", world.calls())
        self.assertFalse(world.policy.exists())

    def test_a_policy_that_was_there_stays_as_it_was(self):
        world = self.world()
        world.policy.write_text("#!/bin/sh\nexit 104\n")
        world.policy.chmod(0o755)
        world.run("build")
        self.assertIn("policy=104", world.calls())
        self.assertEqual(world.policy.read_text(), "#!/bin/sh\nexit 104\n")

    def test_a_failed_installation_fails_and_takes_the_policy_away(self):
        world = self.world()
        world.write("fail-install")
        self.assertNotEqual(world.run("build").returncode, 0)
        self.assertFalse(world.policy.exists())

    def test_an_interrupted_installation_takes_the_policy_away(self):
        world = self.world()
        world.write("kill-install")
        self.assertNotEqual(world.run("build").returncode, 0)
        self.assertFalse(world.policy.exists())

    def test_a_failed_update_does_not_keep_it_from_trying(self):
        world = self.world(installed=self.everything_but("cmake"))
        world.write("fail-update")
        self.assertEqual(world.run("build").returncode, 0)
        self.assertEqual(self.installs(world), ["cmake"])

    def refuses(self, world):
        done = world.run("build")
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt-get install -y --no-install-recommends cmake\n", done.stderr)
        self.assertFalse([c for c in world.calls() if c.startswith("apt-get")])

    def test_without_root_and_sudo_the_command_is_printed(self):
        self.refuses(self.world(uid=1000, installed=self.everything_but("cmake"), without=("sudo",)))

    def test_sudo_that_wants_a_password_nobody_can_type_is_no_sudo(self):
        world = self.world(uid=1000, installed=self.everything_but("cmake"))
        world.write("password")
        self.refuses(world)

    def test_on_another_system_the_packages_are_named(self):
        self.refuses(self.world(installed=self.everything_but("cmake"), without=("apt-get",)))

    def test_sudo_asks_nothing_where_nobody_can_answer(self):
        world = self.world(uid=1000, installed=self.everything_but("cmake"))
        done = world.run("build")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(all(c.startswith("sudo -n ") for c in world.calls() if "sudo" in c))
        self.assertEqual(self.installs(world), ["cmake"])
        self.assertIn("policy=101", world.calls())
        self.assertFalse(world.policy.exists())

    def test_sudo_may_ask_at_a_terminal(self):
        world = self.world(uid=1000, installed=self.everything_but("cmake"))
        world.write("password")
        ours, theirs = pty.openpty()
        done = world.run("build", stdin=theirs)
        os.close(ours)
        os.close(theirs)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse([c for c in world.calls() if c.startswith("sudo -n")])
        self.assertEqual(self.installs(world), ["cmake"])

    def test_a_group_that_does_not_exist_is_refused_before_anything_is_done(self):
        for groups in [(), ("bulid",), ("build", "tests")]:
            world = self.world()
            self.assertEqual(world.run(*groups).returncode, 2, groups)
            self.assertEqual(world.calls(), [])


if __name__ == "__main__":
    unittest.main()

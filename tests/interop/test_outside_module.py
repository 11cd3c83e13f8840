#!/usr/bin/env python3
"""Modules of other people: compiled against what `make install` lays down, loaded by their path."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import parallel
import places
from clients import echoes, new_word, s_client
from dtlsd import Daemon, echo, run

# Twenty lines, as a module guide would show them.
SHOUT = """\
#include <ctype.h>
#include <dtlsd/module.h>

static void
connected(const struct dtlsd_ctx *c, const struct dtlsd_connected *event)
{
	if (event->status == 0)
		c->host->send(c, c->conn, "hello\\n", 6);
}

static uint32_t
data_in(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	for (uint32_t i = 0; i < d->len; i++)
		d->data[i] = (uint8_t)toupper(d->data[i]);
	c->host->send(c, c->conn, d->data, d->len);
	return DTLSD_DONE;
}

DTLSD_MODULE(.name = "shout", .version = "1.0", .connected = connected, .data_in = data_in);
"""

CXX = """\
#include <dtlsd/module.h>
#include <string>

static uint32_t
data_in(const dtlsd_ctx *c, dtlsd_datagram *d)
{
	std::string answer = "you said " + std::string(reinterpret_cast<char *>(d->data), d->len);
	c->host->send(c, c->conn, answer.data(), answer.size());
	return DTLSD_DONE;
}

// In the order of the header: name, version, options, counters, hooks.
DTLSD_MODULE("polite", "1.0", nullptr, nullptr, 0, 0, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
    nullptr, nullptr, nullptr, data_in, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
"""


def cached(name):
    for line in (places.BUILD / "CMakeCache.txt").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split("=", 1)[1]
    raise KeyError(name)


class Installed(unittest.TestCase):
    def setUp(self):
        self.stage = tempfile.TemporaryDirectory(prefix="dtlsd-test-")
        subprocess.run(["cmake", "--install", places.BUILD], check=True, capture_output=True,
                       env={**os.environ, "DESTDIR": self.stage.name})
        self.prefix = pathlib.Path(self.stage.name + cached("CMAKE_INSTALL_PREFIX"))

    def tearDown(self):
        self.stage.cleanup()

    def build(self, name, source, compiler="cc", suffix="c", standard="c11"):
        """In a directory that knows nothing of the source tree."""
        directory = pathlib.Path(self.stage.name) / "elsewhere"
        directory.mkdir(exist_ok=True)
        (directory / f"{name}.{suffix}").write_text(source)
        subprocess.run([compiler, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-O2", "-fPIC", "-shared",
                        "-I", self.prefix / "include", f"{name}.{suffix}", "-o", f"{name}.so"],
                       cwd=directory, check=True)
        os.chmod(directory / f"{name}.so", 0o755)
        os.chmod(directory, 0o755)
        return str(directory / f"{name}.so")

    def test_a_module_of_twenty_lines_handles_data(self):
        self.assertLessEqual(len(SHOUT.splitlines()), 25)
        path = self.build("shout", SHOUT)
        with Daemon(echo(chain=[path]), program=self.prefix / "bin/dtlsd") as d:
            with s_client(d.address) as c:
                c.expect("^hello$")
                word = new_word()
                c.say(word)
                c.expect(f"^{word.upper()}$")
                self.assertEqual(c.end(), 0)

    def test_it_may_be_found_by_its_name_and_by_a_relative_path(self):
        path = pathlib.Path(self.build("shout", SHOUT))
        by_name = echo(chain=["shout"])
        by_name["modules"] = {"path": [str(path.parent)]}
        for config in by_name, echo(chain=["../" * 20 + str(path)[1:]]):
            with Daemon(config) as d, s_client(d.address) as c:
                c.expect("^hello$")

    def test_a_module_in_c_plus_plus_handles_data(self):
        path = self.build("polite", CXX, "c++", "cpp", "c++17")
        with Daemon(echo(chain=[path])) as d, s_client(d.address) as c:
            word = new_word()
            c.say(word)
            c.expect(f"^you said {word}$")

    def test_the_installed_server_finds_the_installed_modules(self):
        config = echo()
        config["modules"] = {"path": [str(self.prefix / cached("CMAKE_INSTALL_LIBDIR") / "dtlsd/modules")]}
        with Daemon(config, program=self.prefix / "bin/dtlsd") as d, s_client(d.address) as c:
            echoes(c)

    def test_an_installed_server_never_looks_into_a_build_tree(self):
        done = subprocess.run([self.prefix / "bin/dtlsd", "--dev", "--port", "0"], capture_output=True, text=True,
                              timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertNotIn(str(places.BUILD), done.stderr)


class IllBehaved(unittest.TestCase):
    """Those of tests/plugins, in the real server."""

    def start(self, *chain):
        d = Daemon()
        d.configure(echo(chain=list(chain)))
        done = run("-c", str(d.file))
        d.clean()
        self.assertEqual(done.returncode, 1)
        return done.stderr

    def test_one_that_does_not_open_stops_the_start(self):
        said = self.start("echo", places.ill_behaved("open_fails"))
        self.assertIn("the back-end is on holiday", said)
        self.assertRegex(said, r"dtlsd\.json:\d+:\d+: error: module open_fails refused to start: open returned -3;")

    def test_one_that_does_not_start_on_a_worker_stops_the_start(self):
        said = self.start("echo", places.ill_behaved("start_fails"))
        self.assertIn('"module":"start_fails","message":"worker_start returned -4 on worker 0', said)
        self.assertIn("dtlsd: not started", said)

    def test_the_configuration_test_opens_nothing(self):
        d = Daemon()
        d.configure(echo(chain=[places.ill_behaved("open_fails")]))
        done = run("-t", "-c", str(d.file))
        d.clean()
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_dev_warns_of_a_module_that_is_not_trusted(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "echo.so"
            path.write_bytes((places.BUILD / "modules/echo.so").read_bytes())
            os.chmod(path, 0o777)
            with Daemon(arguments=["--dev", "--port", "0", str(path)]) as d, s_client(d.address) as c:
                echoes(c)
                self.assertIn("would not be trusted: the file is writable by its others", d.stderr.text)

    def test_one_that_breaks_every_rule_is_contained(self):
        bad = {"use": places.ill_behaved("misbehaves"), "defer_timeout": "100ms", "defer_default": "accept"}
        with Daemon(echo(chain=[bad, "echo"])) as d:
            with s_client(d.address) as c:
                for _ in range(3):  # those behind it work
                    echoes(c)
                self.assertEqual(c.end(), 0)
        said = {m[1]: m[2] for m in (re.fullmatch(r"([a-z_ ]+): (-?\d+)", x["message"]) for x in d.lines()) if m}
        gone, invalid = "-1", "-4"
        self.assertEqual(said["verdict"], gone)  # defer_default was quicker
        self.assertEqual(said["verdict again"], gone)
        self.assertEqual(said["stale verdict"], gone)
        self.assertIn(said["stale send"], (gone, "1"))
        self.assertEqual(said["thread defer"], "0")
        self.assertEqual(said["thread set_conn_data"], invalid)
        self.assertTrue(d.messages("4711"), d.stderr.text)
        self.assertGreaterEqual(d.chain["server1", "misbehaves"]["bad_verdicts"], 1)
        self.assertEqual(d.chain["server1", "misbehaves"]["defer_defaults"], 1)


if __name__ == "__main__":
    parallel.main()

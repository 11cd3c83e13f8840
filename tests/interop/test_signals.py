#!/usr/bin/env python3
"""Start and end: signals, logs, ports that are taken, the user that the server becomes."""

import json
import os
import pathlib
import pwd
import re
import signal
import time
import unittest

import parallel
import places
from clients import echoes, gnutls_cli, s_client
from dtlsd import PATIENCE, Daemon, echo, run


class End(unittest.TestCase):
    def test_term_and_int_say_goodbye_to_every_client(self):
        for number in signal.SIGTERM, signal.SIGINT:
            with self.subTest(signal=number), Daemon(echo()) as d:
                with s_client(d.address) as one, s_client(d.address) as two, gnutls_cli(d.address) as three:
                    for c in one, two, three:
                        echoes(c)
                    d.stop(number)
                    for c in one, two:
                        self.assertEqual(c.wait(), 0)
                        self.assertRegex(c.text, r"(?m)^closed$")
                    three.expect("Peer has closed the GnuTLS connection")
                self.assertEqual(d.counters["connections_closed"], 3)
                self.assertEqual(d.counters["alerts_sent"], 3)
                d.clean()

    def test_every_worker_says_goodbye(self):
        config = echo()
        config["workers"] = 4
        with Daemon(config) as d:
            clients = [s_client(d.address) for _ in range(8)]
            try:
                for c in clients:
                    echoes(c)
                d.stop()
                self.assertEqual([c.wait() for c in clients], [0] * 8)
            finally:
                for c in clients:
                    c.__exit__()
            d.clean()

    def test_modules_hear_of_the_end(self):
        with Daemon(echo(chain=[places.module("witness"), "echo"])) as d, s_client(d.address) as c:
            echoes(c)
            d.stop()
            self.assertEqual(d.messages("^disconnected status"),
                             ["disconnected status=0 text=the server is shutting down"])
            d.clean()

    def test_a_server_without_clients_ends(self):
        with Daemon(echo()) as d:
            pass
        self.assertEqual(d.messages("^ended"), ["ended"])


class LogFile(Daemon):
    """Logs into a file of its directory. What was in it is in `log` and `old` afterwards."""

    def __init__(self):
        super().__init__()
        config = echo()
        config["log"] = {"target": "log", "level": "debug", "format": "json"}
        self.configure(config)

    def start(self):
        self.spawn()
        address = self.read_until("log", r"listening on ([\d.:]+)")[1]
        self.addresses["server1"] = [address]
        return self

    def read_until(self, name, pattern):
        """A file cannot be waited for: it is looked at again and again."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            path = self.directory / name
            found = path.is_file() and re.search(pattern, path.read_text())
            if found:
                return found
            time.sleep(0.01)
        raise AssertionError(f"{pattern!r} is not in {name}; dtlsd said: {self.stderr.text}")

    def clean(self):
        for name in "log", "old":
            path = self.directory / name
            setattr(self, name, path.read_text() if path.is_file() else "")
        super().clean()


class Logs(unittest.TestCase):
    def test_usr1_opens_the_log_anew(self):
        with LogFile() as d:
            os.rename(d.directory / "log", d.directory / "old")
            d.send_signal(signal.SIGUSR1)
            d.read_until("log", "log reopened")
            with s_client(d.address) as c:
                echoes(c)
        self.assertIn("listening on", d.old)
        self.assertNotIn("log reopened", d.old)
        self.assertIn('"message":"ended"', d.log)
        self.assertEqual(d.stderr.text, "")

    def test_what_cannot_be_opened_leaves_the_old_log_in_use(self):
        with LogFile() as d:
            os.rename(d.directory / "log", d.directory / "old")
            os.mkdir(d.directory / "log")
            d.send_signal(signal.SIGUSR1)
            d.read_until("old", "cannot reopen the log: Is a directory")
        self.assertIn('"message":"ended"', d.old)

    def test_every_line_of_json_is_one(self):
        with Daemon(echo(name="a.b-c", chain=[places.module("witness"), "echo"])) as d:
            with s_client(d.address, "-servername", "x.example") as c:
                echoes(c)
        for line in d.stderr.text.splitlines():
            parsed = json.loads(line)
            self.assertRegex(parsed["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(parsed["level"], ("error", "warning", "info", "verbose", "debug"))

    def test_text_says_the_same(self):
        config = echo(chain=[places.module("witness"), "echo"])
        config["log"] = {"level": "info", "format": "text"}
        with Daemon(config) as d, s_client(d.address) as c:
            echoes(c)
            c.leave()
            d.stderr.expect(r"^\S+Z info server1 \[witness\] #\w{16} 127\.0\.0\.1:\d+: disconnected status=0")


class Ports(unittest.TestCase):
    def test_a_port_in_use_is_an_error_that_names_its_place_and_holder(self):
        for workers in 1, 4:
            with self.subTest(workers=workers), Daemon(echo()) as first:
                second = Daemon()
                config = echo(listen=["127.0.0.1:0", first.address])
                config["workers"] = workers
                second.configure(config)
                done = run("-c", str(second.file))
                second.clean()
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, r"dtlsd\.json:\d+:\d+: error: cannot listen on "
                                 + re.escape(first.address) + ": Address already in use")
                self.assertIn("(/servers/0/listen/1)", done.stderr)
                if os.geteuid() == 0:  # another's open files are for root to see
                    self.assertIn(f"held by dtlsd (pid {first.process.pid})", done.stderr)
                self.assertEqual(done.stdout, "")

    def test_the_configuration_test_does_not_look_at_ports(self):
        with Daemon(echo()) as first:
            second = Daemon()
            second.configure(echo(listen=first.address))
            self.assertEqual(run("-t", "-c", str(second.file)).returncode, 0)
            second.clean()

    def test_a_port_can_be_shared_on_request(self):
        shared = {"socket": {"share_port": True}}
        with Daemon(echo(**shared)) as first, Daemon(echo(listen=first.address, **shared)) as second:
            self.assertEqual(first.address, second.address)

    def test_an_address_of_another_machine_is_an_error(self):
        d = Daemon()
        d.configure(echo(listen="192.0.2.1:5684"))
        done = run("-c", str(d.file))
        d.clean()
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot listen on 192.0.2.1:5684: Cannot assign requested address", done.stderr)


class User(unittest.TestCase):
    def as_user(self, name):
        config = echo()
        config["user"] = name
        return config

    def ids(self, d):
        status = pathlib.Path(f"/proc/{d.process.pid}/status").read_text()
        return set(re.search(r"^Uid:\t(.*)$", status, re.MULTILINE)[1].split())

    def test_a_server_may_be_told_to_stay_who_it_is(self):
        with Daemon(self.as_user(pwd.getpwuid(os.geteuid()).pw_name)) as d:
            self.assertEqual(self.ids(d), {str(os.geteuid())})

    def test_root_becomes_the_user_and_nobody_else_does(self):
        if os.geteuid() == 0:
            with Daemon(self.as_user("nobody")) as d:
                self.assertEqual(self.ids(d), {str(pwd.getpwnam("nobody").pw_uid)})
                with s_client(d.address) as c:
                    echoes(c)
        else:
            d = Daemon()
            d.configure(self.as_user("root"))
            done = run("-c", str(d.file))
            d.clean()
            self.assertEqual(done.returncode, 1)
            self.assertIn("Operation not permitted (/user)", done.stderr)


if __name__ == "__main__":
    parallel.main()

#!/usr/bin/env python3
"""Sessions that go on: tickets of the same server, of its neighbour, and those that are no good."""

import base64
import os
import pathlib
import re
import tempfile
import unittest

import parallel
import places
from clients import echoes, gnutls_cli, s_client
from dtlsd import Daemon, echo

SECRET = {"DTLSD_TEST_TICKET_KEY": "something that two servers share"}
SHARED = {"ticket_key": {"env": "DTLSD_TEST_TICKET_KEY"}}


def tls(**more):
    return {"certificate": places.cert("server.pem"), **more}


class Tickets(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.session = os.path.join(self.directory.name, "session")

    def tearDown(self):
        self.directory.cleanup()

    def first(self, daemon, *options):
        with s_client(daemon.address, "-sess_out", self.session, *options) as c:
            c.expect("^New, TLSv1.2")
            echoes(c)
            self.assertEqual(c.end(), 0)
        self.assertTrue(pathlib.Path(self.session).exists())

    def again(self, daemon, how, *options):
        """`how`: New or Reused."""
        with s_client(daemon.address, "-sess_in", self.session, *options) as c:
            c.expect(f"^{how}, TLSv1.2")
            echoes(c)
            self.assertEqual(c.end(), 0)

    def test_openssl_resumes(self):
        with Daemon(echo(chain=[places.module("witness"), "echo"])) as d:
            self.first(d)
            self.again(d, "Reused")
            self.again(d, "Reused")
            d.wait_for("^disconnected", count=3)
            self.assertEqual(len(d.messages("^connected status=0")), 3)
        self.assertEqual(d.counters["handshakes_resumed"], 2)

    def test_gnutls_resumes(self):
        with Daemon(echo()) as d, gnutls_cli(d.address, "--resume") as c:
            c.expect(r"\*\*\* This is a resumed session")
            echoes(c)
            self.assertEqual(c.end(), 0)
            d.stop()
            self.assertEqual(d.counters["handshakes_resumed"], 1)
            d.clean()

    def test_every_kind_of_protection_resumes(self):
        with Daemon(echo(tls=tls(cipher_suites=["*"]))) as d:
            for suite in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305",
                          "ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES256-CCM", "ECDHE-ECDSA-AES128-SHA256"):
                with self.subTest(suite=suite):
                    self.first(d, "-cipher", suite)
                    self.again(d, "Reused", "-cipher", suite)

    def test_a_server_that_was_restarted_knows_no_ticket(self):
        with Daemon(echo()) as d:
            self.first(d)
        with Daemon(echo()) as d:
            self.again(d, "New")

    def test_servers_that_share_a_key_take_each_others_tickets(self):
        config = echo(tls=tls(session_reuse=SHARED))
        with Daemon(config, environment=SECRET) as d:
            self.first(d)
        with Daemon(config, environment=SECRET) as d:
            self.again(d, "Reused")
        with Daemon(config, environment={k: "another" for k in SECRET}) as d:
            self.again(d, "New")

    def test_a_ticket_that_is_too_old_is_not_taken(self):
        config = echo(tls=tls(session_reuse={"lifetime": "1s"}))
        with Daemon(config) as d:
            self.first(d)
            for _ in range(20):  # each lasts more than half a second
                with s_client(d.address, "-sess_in", self.session) as c:
                    how = c.expect(r"^(New|Reused), TLSv1.2")[1]
                    self.assertEqual(c.end(), 0)
                if how == "New":
                    return
            self.fail("the ticket is still taken")

    def test_a_damaged_ticket_means_a_full_handshake(self):
        with Daemon(echo()) as d:
            self.first(d)
            damage(pathlib.Path(self.session))
            self.again(d, "New")

    def test_without_session_reuse_there_is_no_ticket(self):
        with Daemon(echo(tls=tls(session_reuse={"enabled": False}))) as d:
            with s_client(d.address) as c:
                c.expect("Verify return code")
                echoes(c)
                self.assertNotIn("TLS session ticket:", c.text)


def damage(path):
    """Flips a bit in the ticket that an OpenSSL session file holds: the longest octet string."""
    lines = path.read_text().splitlines()
    der = bytearray(base64.b64decode("".join(x for x in lines if not x.startswith("-"))))
    found = re.search(rb"\xaa\x81(.)\x04\x81(.)", bytes(der), re.DOTALL)  # [10] EXPLICIT: the ticket
    assert found, "no ticket in the session"
    der[found.end() + 60] ^= 1
    encoded = base64.encodebytes(bytes(der)).decode()
    path.write_text(f"{lines[0]}\n{encoded}{lines[-1]}\n")


if __name__ == "__main__":
    parallel.main()

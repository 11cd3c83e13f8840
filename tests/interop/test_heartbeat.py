#!/usr/bin/env python3
"""Heartbeats with GnuTLS, the last stack that has them: both ways, and what becomes of a silent client."""

import signal
import unittest

import gnutls
import parallel
from clients import echoes, gnutls_cli, new_word, s_client
from dtlsd import Daemon, echo

OFTEN = {"enabled": True, "time": "1s", "interval": "1s", "retries": 2}
SELDOM = {"enabled": True, "time": "1h"}
DEAD = "disconnected: no answer to keep-alive"


class Heartbeat(unittest.TestCase):
    def test_gnutls_cli_answers_and_stays(self):
        with Daemon(echo(keep_alive=OFTEN, chain=["broadcast"])) as d:
            with gnutls_cli(d.address, "--heartbeat") as quiet, s_client(d.address) as other:
                quiet.expect("Handshake was completed")
                other.expect("Verify return code")
                d.wait_for(r"\bconnected:", 2)
                # It is asked once a second, and would be dead after the third without an answer.
                other.process.send_signal(signal.SIGSTOP)
                with self.assertRaises(AssertionError):
                    d.wait_for(DEAD, timeout=6)
                other.process.send_signal(signal.SIGCONT)
                word = new_word()
                other.say(word)
                quiet.expect(f"^{word}$")
                self.assertEqual(quiet.end(), 0)
                self.assertEqual(other.end(), 0)
        self.assertGreaterEqual(d.counters["heartbeats_asked"], 5)

    def test_a_client_that_is_stopped_is_closed_after_the_last_question(self):
        with Daemon(echo(keep_alive=OFTEN)) as d, gnutls_cli(d.address, "--heartbeat") as c:
            echoes(c)
            c.process.send_signal(signal.SIGSTOP)
            d.wait_for(DEAD)
            c.process.send_signal(signal.SIGCONT)
            c.wait()
            self.assertIn("Peer has closed the GnuTLS connection", c.text)
        self.assertEqual(d.counters["heartbeats_asked"], 3)

    def test_a_client_without_the_extension_is_not_asked(self):
        with Daemon(echo(keep_alive=OFTEN)) as d, s_client(d.address) as c, gnutls_cli(d.address) as g:
            echoes(c)
            echoes(g)
            with self.assertRaises(AssertionError):
                d.wait_for("disconnected", timeout=5)
            echoes(c)
            echoes(g)
            self.assertEqual(c.end(), 0)
            self.assertEqual(g.end(), 0)
        self.assertNotIn("heartbeats_asked", d.counters)

    def test_its_questions_are_answered(self):
        with Daemon(echo(keep_alive=SELDOM)) as d:
            with gnutls.Session(d.address, gnutls.MAY_SEND) as s:
                self.assertTrue(s.may_ask)
                for size in 64, 65, 300, 1000:
                    s.ping(size)
                s.say(b"and data")
                self.assertEqual(s.hear(), b"and data")
        self.assertEqual(d.counters["heartbeats_answered"], 4)
        self.assertNotIn("heartbeats_asked", d.counters)

    def test_in_every_kind_of_suite(self):
        ciphers = "AES-128-GCM", "AES-256-GCM", "AES-128-CCM", "AES-256-CCM-8", "CHACHA20-POLY1305"
        tls = {**echo()["servers"][0]["tls"], "cipher_suites": ["*"]}
        with Daemon(echo(keep_alive=OFTEN, tls=tls)) as d:
            for cipher in ciphers:
                with self.subTest(cipher=cipher):
                    priority = f"NORMAL:-CIPHER-ALL:+{cipher}"
                    with gnutls.Session(d.address, gnutls.MAY_SEND, priority) as s:
                        s.ping(100)
                        s.answer(1)
                        s.say(cipher.encode())
                        self.assertEqual(s.hear(), cipher.encode())
        self.assertEqual(d.counters["heartbeats_answered"], len(ciphers))
        self.assertGreaterEqual(d.counters["heartbeats_asked"], len(ciphers))

    def test_modes_are_obeyed(self):
        with Daemon(echo(keep_alive={**OFTEN, "mode": "not_allowed"})) as d:
            with gnutls.Session(d.address, gnutls.MAY_SEND) as s:
                self.assertFalse(s.may_ask)
                s.answer(3)
                s.say(b"alive")
                self.assertEqual(s.hear(), b"alive")
            with gnutls.Session(d.address, gnutls.MAY_NOT_SEND) as s:
                with self.assertRaises(AssertionError):
                    d.wait_for("disconnected", count=2, timeout=4)
                s.say(b"never asked")
                self.assertEqual(s.hear(), b"never asked")
                self.assertEqual(s.requests, 0)

    def test_a_server_without_keep_alive_does_not_negotiate(self):
        with Daemon(echo()) as d, gnutls.Session(d.address, gnutls.MAY_SEND) as s:
            self.assertFalse(s.may_ask)
            s.say(b"plain")
            self.assertEqual(s.hear(), b"plain")


if __name__ == "__main__":
    parallel.main()

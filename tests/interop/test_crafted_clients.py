#!/usr/bin/env python3
"""Clients that say what no real one would: no proof of the key, another's certificate, too early data."""

import unittest

import parallel
import places
from crafted import FINISHED, HANDSHAKE, REQUEST, Crafted
from dtlsd import Daemon, echo
from events import events, wait_for_event
from proxy import ALERT, APPLICATION_DATA

UNEXPECTED_MESSAGE, DECODE_ERROR, DECRYPT_ERROR = 10, 50, 51
FATAL = 2


def mutual(authenticate="required", **server):
    return echo(tls={"certificate": places.cert("server.pem"), "authenticate_clients": authenticate,
                     "client_ca": places.cert("ca.crt")},
                chain=[places.module("witness"), "echo"], **server)


class Honest(unittest.TestCase):
    def test_it_is_served_when_it_says_what_it_should(self):
        with Daemon(mutual()) as d, Crafted(d.address) as c:
            self.assertIn(REQUEST, c.meet())
            c.send(c.certificate("client"), c.key_exchange(), c.verify("client"), c.finish())
            while c.wait_for(HANDSHAKE)[1][0] != FINISHED:
                pass
            c.send(c.data(b"hello"))
            self.assertEqual(c.wait_for(APPLICATION_DATA), (1, b"hello"))
            self.assertEqual([e["status"] for e in events(d, "connected")], ["0"])

    def test_early_data_is_kept_until_the_handshake_is_done(self):
        with Daemon(mutual()) as d, Crafted(d.address) as c:
            c.meet()
            flight = [c.certificate("client"), c.key_exchange(), c.verify("client"), c.finish()]
            early = c.data(b"too early")
            c.send(*flight[:3], early)
            c.send(flight[3])
            self.assertEqual(c.wait_for(APPLICATION_DATA), (1, b"too early"))


class Liars(unittest.TestCase):
    """None of them reaches a module's gate, and none gets data through."""

    def refused(self, flight, alert, authenticate="required"):
        with Daemon(mutual(authenticate)) as d, Crafted(d.address) as c:
            c.meet()
            c.send(*flight(c), c.data(b"not to be echoed"))
            epoch, body = c.wait_for(ALERT)
            self.assertEqual((epoch, list(body)), (0, [FATAL, alert]))
            told = wait_for_event(d, "connected")
            self.assertNotEqual(told["status"], "0")
            self.assertEqual(events(d, "auth"), [])
            d.stop()
            self.assertEqual(len(events(d, "connected")), 1)
            self.assertEqual(events(d, "disconnected"), [])
            self.assertEqual(d.counters.get("data_in", 0), 0)
            d.clean()

    def test_a_certificate_without_proof_of_its_key_is_refused(self):
        for authenticate in "required", "requested":
            with self.subTest(authenticate=authenticate):
                self.refused(lambda c: [c.certificate("client"), c.key_exchange(), c.finish()],
                             UNEXPECTED_MESSAGE, authenticate)

    def test_a_proof_with_another_key_is_refused(self):
        self.refused(lambda c: [c.certificate("client"), c.key_exchange(), c.verify("client-2"), c.finish()],
                     DECRYPT_ERROR)

    def test_a_proof_of_another_handshake_is_refused(self):
        self.refused(lambda c: [c.certificate("client"), c.key_exchange(), c.verify("client", b"of yesterday"),
                                c.finish()], DECRYPT_ERROR)

    def test_a_proof_without_a_certificate_is_refused(self):
        self.refused(lambda c: [c.certificate(), c.key_exchange(), c.verify("client"), c.finish()],
                     UNEXPECTED_MESSAGE)

    def test_a_client_that_leaves_its_certificate_out_is_refused(self):
        self.refused(lambda c: [c.key_exchange(), c.finish()], UNEXPECTED_MESSAGE)

    def test_a_finished_in_the_clear_is_refused(self):
        with Daemon(mutual(handshake={"timeout": "1s"})) as d, Crafted(d.address) as c:
            c.meet()
            plain = bytes([FINISHED]) + b"\0\0\x0c\0\5\0\0\0\0\0\x0c" + b"\0" * 12
            c.send(c.certificate("client"), c.key_exchange(), c.verify("client"), c.record(HANDSHAKE, 0, plain))
            told = wait_for_event(d, "connected")
            self.assertNotEqual(told["status"], "0")
            self.assertEqual(events(d, "auth"), [])


if __name__ == "__main__":
    parallel.main()

#!/usr/bin/env python3
"""Client certificates: who gets in, what the others are told, and what modules are told of both."""

import contextlib
import hashlib
import pathlib
import unittest

import parallel
import places
from clients import alert_of, echoes, gnutls_cli, s_client
from dtlsd import Daemon, echo
from events import events, wait_for_event
from proxy import ALERT, Proxy, records

WITNESS = places.module("witness")
JUDGE = places.module("judge")

HANDSHAKE_FAILURE, BAD_CERTIFICATE, UNSUPPORTED, REVOKED, EXPIRED, UNKNOWN_CA, DENIED = 40, 42, 43, 44, 45, 48, 49


def mutual(authenticate="required", chain=(), client_ca="ca.crt", **tls):
    return echo(tls={"certificate": places.cert("server.pem"), "authenticate_clients": authenticate,
                     "client_ca": places.cert(client_ca), **tls},
                chain=[WITNESS, *chain, "echo"])


def presenting(name, chain=None):
    """Options of s_client for a certificate; None for no certificate."""
    if name is None:
        return []
    options = ["-cert", places.cert(name + ".crt"), "-key", places.cert(name + ".key")]
    return options + (["-cert_chain", places.cert(chain)] if chain else [])


def fingerprint(name):
    return hashlib.sha256(pathlib.Path(places.cert(name + ".der")).read_bytes()).hexdigest()


class Table(unittest.TestCase):
    # Certificate, OpenSSL's code, the alert (None: let in), part of the witness's text, when it is
    # required. Requested differs in the first row only.
    ROWS = [
        (None, -1, HANDSHAKE_FAILURE, "the client sent no certificate"),
        ("client", 0, None, "OK"),
        ("client-rsa", 0, None, "OK"),
        ("client-unknown", 20, UNKNOWN_CA, "unknown_ca"),
        ("client-self", 18, UNKNOWN_CA, "unknown_ca"),
        ("client-expired", 10, EXPIRED, "certificate_expired"),
        ("client-future", 9, EXPIRED, "certificate_expired"),
        ("client-inter", 20, UNKNOWN_CA, "unknown_ca"),  # without its intermediate
        ("server", 26, UNSUPPORTED, "unsupported_certificate"),  # for servers only
    ]

    def play(self, authenticate):
        with Daemon(mutual(authenticate)) as d, contextlib.ExitStack() as leaving:
            for count, (name, code, alert, text) in enumerate(self.ROWS, 1):
                if name is None and authenticate == "requested":
                    alert, text = None, "OK"
                with self.subTest(certificate=name):
                    c = leaving.enter_context(s_client(d.address, *presenting(name)))
                    if alert is None:
                        echoes(c)
                        c.leave()
                    else:
                        self.assertEqual(alert_of(c), alert)
                    told = wait_for_event(d, "connected", count)
                    self.assertIn(text, told["text"])
                    self.assertEqual(told["status"], "0" if alert is None else "404")
                    auth = events(d, "auth")[-1]
                    self.assertEqual(auth["code"], str(code))
                    self.assertEqual(auth["recommended"], "accept" if alert is None else "reject")
                    self.assertEqual(auth["resumed"], "0")
            good = sum(1 for e in events(d, "connected") if e["status"] == "0")
            d.wait_for("^disconnected status", good)
        self.assertEqual(len(events(d, "connected")), len(self.ROWS))
        self.assertEqual(len(events(d, "auth")), len(self.ROWS))
        self.assertEqual(len(events(d, "disconnected")), good)
        self.assertEqual(d.counters["handshakes_done"], good)
        self.assertEqual(d.counters["handshakes_failed"], len(self.ROWS) - good)

    def test_required(self):
        self.play("required")

    def test_requested(self):
        self.play("requested")

    def test_nobody_is_asked_when_there_is_no_authentication(self):
        with Daemon(echo(chain=[WITNESS, "echo"])) as d, s_client(d.address, *presenting("client")) as c:
            echoes(c)
            self.assertNotIn("Acceptable client certificate CA names", c.text)
            d.stop()
            self.assertEqual(events(d, "connected")[0]["cn"], "-")
            d.clean()

    def test_the_authorities_are_named_to_the_client(self):
        with Daemon(mutual(client_ca="roots.crt")) as d, s_client(d.address, *presenting("client")) as c:
            c.expect(r"Acceptable client certificate CA names\nO = Test, CN = Test ca\nO = Test, CN = Test rsa-ca")

    def test_a_chain_of_the_client_is_verified_and_shown(self):
        with Daemon(mutual()) as d:
            with s_client(d.address, *presenting("client-inter", "inter.crt")) as c:
                echoes(c)
                self.assertEqual(c.end(), 0)
            self.assertEqual(events(d, "auth")[0]["chain"], "2")
            self.assertEqual(events(d, "connected")[0]["cn"], "device-inter")

    def test_gnutls_is_asked_too(self):
        with Daemon(mutual()) as d:
            with gnutls_cli(d.address, "--x509certfile", places.cert("client.crt"),
                            "--x509keyfile", places.cert("client.key")) as c:
                echoes(c)
                self.assertEqual(c.end(), 0)
            with gnutls_cli(d.address) as c:
                c.expect(r"Received alert \[40\]")

    def test_cbc_suites_ask_as_well(self):
        suites = ["ECDHE-ECDSA-AES128-SHA256"]
        with Daemon(mutual(cipher_suites=suites)) as d:
            with s_client(d.address, *presenting("client")) as c:
                echoes(c)
                self.assertEqual(c.end(), 0)
            with s_client(d.address, *presenting("client-expired")) as c:
                self.assertEqual(alert_of(c), EXPIRED)
            self.assertEqual([e["status"] for e in events(d, "connected")], ["0", "404"])


class Alerts(unittest.TestCase):
    def test_a_lost_alert_is_repeated_when_the_clients_flight_repeats(self):
        for name, alert in (("client-expired", EXPIRED), (None, HANDSHAKE_FAILURE)):
            with self.subTest(certificate=name), Daemon(mutual()) as d, Proxy(d.address) as p:
                lost = []

                def lose_the_first(up, data):
                    is_alert = not up and any(r[0] == ALERT for r in records(data))
                    if is_alert and not lost:
                        lost.append(data)
                        return []
                    return [data]

                p.filter = lose_the_first
                with s_client(p.address, *presenting(name)) as c:
                    self.assertEqual(alert_of(c), alert)
                self.assertEqual(len(lost), 1)
                self.assertEqual(len(events(d, "connected")), 1)
                d.stop()
                self.assertGreaterEqual(d.counters["alerts_repeated"], 1)
                self.assertEqual(d.counters["handshakes_failed"], 1)
                d.clean()


class Modules(unittest.TestCase):
    """Modules in the gate."""

    def refused(self, config, name, alert):
        with Daemon(config) as d:
            with s_client(d.address, *presenting(name)) as c:
                self.assertEqual(alert_of(c), alert)
            told = events(d, "connected")
        self.assertEqual([e["status"] for e in told], ["404"])
        return told[0]["text"]

    def let_in(self, config, name):
        with Daemon(config) as d:
            with s_client(d.address, *presenting(name)) as c:
                echoes(c)
                c.leave()
                d.wait_for("^disconnected status")
            told = events(d, "connected")
        self.assertEqual([(e["status"], e["text"]) for e in told], [("0", "OK")])

    def test_a_rule_revokes_a_certificate(self):
        rule = {"use": "cert_access", "revoked": [{"fingerprint_sha256": fingerprint("client")}]}
        text = self.refused(mutual(chain=[rule]), "client", REVOKED)
        self.assertIn("certificate_revoked", text)
        self.let_in(mutual(chain=[rule]), "client-2")

    def test_a_rule_denies_a_certificate(self):
        rule = {"use": "cert_access", "allow": [{"san_dns": "*.fleet.example"}]}
        self.let_in(mutual(chain=[rule]), "client")
        self.assertIn("access_denied", self.refused(mutual(chain=[rule]), "client-2", DENIED))

    def test_a_rule_forgives_an_expired_certificate(self):
        rule = {"use": "cert_access", "allow": [{"subject_cn": "device-expired"}], "expired": "allow"}
        self.let_in(mutual(chain=[rule]), "client-expired")

    def test_a_module_lets_in_what_verification_refused(self):
        for name in "client-unknown", "client-expired", None:
            with self.subTest(certificate=name):
                self.let_in(mutual(chain=[{"use": JUDGE, "auth": "accept"}]), name)

    def test_a_module_refuses_what_verification_passed(self):
        text = self.refused(mutual(chain=[{"use": JUDGE, "auth": "reject"}]), "client", DENIED)
        self.assertIn("access_denied", text)
        self.refused(mutual(chain=[{"use": JUDGE, "auth": "reject", "alert": 46}]), "client", 46)

    def test_an_accept_does_not_keep_a_later_module_from_refusing(self):
        first, last = {"use": JUDGE, "name": "first"}, {"use": JUDGE, "name": "last"}
        self.refused(mutual(chain=[{**first, "auth": "accept"}, {**last, "auth": "reject"}]), "client", DENIED)
        self.refused(mutual(chain=[{**first, "auth": "reject"}, {**last, "auth": "accept"}]), "client", DENIED)
        self.let_in(mutual(chain=[{**first, "auth": "accept"}, {**last, "auth": "next"}]), "client-unknown")

    def test_a_later_module_sees_what_an_earlier_one_recommends(self):
        config = mutual()
        config["servers"][0]["chain"] = [{"use": JUDGE, "auth": "accept"}, WITNESS, "echo"]
        with Daemon(config) as d:
            with s_client(d.address, *presenting("client-unknown")) as c:
                echoes(c)
            self.assertEqual(events(d, "auth")[0]["recommended"], "accept")
            self.assertEqual(events(d, "auth")[0]["code"], "20")

    def test_a_verdict_out_of_range_is_a_refusal_that_is_told(self):
        config = mutual(chain=[{"use": JUDGE, "auth": "nonsense"}])
        with Daemon(config) as d:
            with s_client(d.address, *presenting("client")) as c:
                self.assertEqual(alert_of(c), DENIED)
            self.assertTrue([x for x in d.lines() if "99" in x["message"] and x.get("module") == "judge"],
                            d.stderr.text)


if __name__ == "__main__":
    parallel.main()

#!/usr/bin/env python3
"""What a client certificate is worth when its session is resumed: never more than today."""

import datetime
import os
import tempfile
import time
import unittest

import parallel
import places
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from clients import alert_of, echoes, s_client
from dtlsd import Daemon, echo
from events import events, wait_for_event

WITNESS = places.module("witness")
JUDGE = places.module("judge")
SECRET = {"DTLSD_TEST_TICKET_KEY": "what the server is after its restart as well"}
NEW, REUSED = "New", "Reused"


def mutual(chain=(), **tls):
    """All of these share a ticket key, so one stands for the other after a restart."""
    return echo(
        tls={"certificate": places.cert("server.pem"), "authenticate_clients": "required",
             "client_ca": places.cert("ca.crt"),
             "session_reuse": {"ticket_key": {"env": "DTLSD_TEST_TICKET_KEY"}}, **tls},
        chain=[WITNESS, *chain, "echo"])


def short_lived(directory, seconds):
    """A client certificate under ca that ends soon. Returns its files and its end."""
    with open(places.cert("ca.crt"), "rb") as f:
        ca = x509.load_pem_x509_certificate(f.read())
    with open(places.cert("ca.key"), "rb") as f:
        ca_key = serialization.load_pem_private_key(f.read(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    end = datetime.datetime.utcnow().replace(microsecond=0) + datetime.timedelta(seconds=seconds)
    cert = (x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device-brief")]))
            .issuer_name(ca.subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(2020, 1, 1)).not_valid_after(end)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
            .sign(ca_key, hashes.SHA256()))
    crt, pem = os.path.join(directory, "brief.crt"), os.path.join(directory, "brief.key")
    with open(crt, "wb") as f:
        f.write(cert.public_bytes(serialization.Encoding.PEM))
    with open(pem, "wb") as f:
        f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                  serialization.NoEncryption()))
    return ["-cert", crt, "-key", pem], end


class Resumption(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.session = os.path.join(self.directory.name, "session")
        self.client = ["-cert", places.cert("client.crt"), "-key", places.cert("client.key")]

    def tearDown(self):
        self.directory.cleanup()

    def daemon(self, config):
        return Daemon(config, environment=SECRET)

    def first(self, config, client=None):
        with self.daemon(config) as d:
            with s_client(d.address, "-sess_out", self.session, *(client or self.client)) as c:
                c.expect(f"^{NEW}, TLSv1.2")
                echoes(c)
                self.assertEqual(c.end(), 0)

    def let_in(self, config, how, client=None):
        with self.daemon(config) as d:
            with s_client(d.address, "-sess_in", self.session, *(client or self.client)) as c:
                c.expect(f"^{how}, TLSv1.2")
                echoes(c)
                c.leave()
                wait_for_event(d, "disconnected")
            self.assertEqual([e["status"] for e in events(d, "connected")], ["0"])
            return events(d)

    def refused(self, config, alert, resumed, client=None):
        with self.daemon(config) as d:
            with s_client(d.address, "-sess_in", self.session, *(client or self.client)) as c:
                self.assertEqual(alert_of(c), alert)
                self.assertNotIn("Reused, TLSv1.2", c.text)
            told = events(d, "connected")
            self.assertEqual([e["status"] for e in told], ["404"])
            self.assertEqual([e["resumed"] for e in events(d, "auth")], [resumed])
            self.assertEqual(events(d, "disconnected"), [])
            return told[0]["text"]

    def test_a_good_certificate_resumes_and_modules_see_it(self):
        self.first(mutual())
        told = self.let_in(mutual(), REUSED)
        self.assertEqual([e["event"] for e in told], ["request", "auth", "connected", "disconnected"])
        auth, connected = told[1:3]
        self.assertEqual((auth["resumed"], auth["chain"], auth["cn"], auth["recommended"]),
                         ("1", "1", "device-1", "accept"))
        self.assertEqual(connected["cn"], "device-1")

    def test_without_a_certificate_a_session_is_resumed_where_one_is_only_requested(self):
        config = mutual(authenticate_clients="requested")
        self.first(config, client=["-servername", "x.example"])
        told = self.let_in(config, REUSED, client=["-servername", "x.example"])
        self.assertEqual(told[1]["code"], "-1")

    def test_without_a_certificate_no_session_is_resumed_where_one_is_required(self):
        self.first(mutual(authenticate_clients="requested"), client=["-servername", "x.example"])
        self.refused(mutual(), 40, "0", client=["-servername", "x.example"])
        # The same client with a certificate is asked for it, and let in.
        self.let_in(mutual(), NEW, client=["-servername", "x.example", *self.client])

    def test_a_certificate_that_has_expired_since_is_refused(self):
        client, end = short_lived(self.directory.name, 4)
        self.first(mutual(), client)
        while datetime.datetime.utcnow() <= end + datetime.timedelta(seconds=1):
            time.sleep(0.05)  # until the certificate has ended: that is what is tested
        self.assertIn("certificate_expired", self.refused(mutual(), 45, "0", client))

    def test_a_ca_that_was_removed_since_refuses(self):
        self.first(mutual())
        self.assertIn("unknown_ca", self.refused(mutual(client_ca=places.cert("other-ca.crt")), 48, "0"))

    def test_another_set_of_cas_means_a_full_handshake(self):
        self.first(mutual())
        self.let_in(mutual(client_ca=places.cert("roots.crt")), NEW)

    def test_authentication_that_was_switched_on_since_means_a_full_handshake(self):
        self.first(mutual(authenticate_clients="none"))
        self.let_in(mutual(), NEW)

    def test_a_rule_that_was_made_since_refuses_the_resumption(self):
        self.first(mutual())
        rule = {"use": "cert_access", "revoked": [{"serial": serial("client"), "issuer_cn": "Test ca"}]}
        self.assertIn("certificate_revoked", self.refused(mutual([rule]), 44, "1"))

    def test_a_module_refuses_a_resumption(self):
        self.first(mutual())
        self.refused(mutual([{"use": JUDGE, "auth": "reject", "alert": 49}]), 49, "1")

    def test_an_accept_does_not_keep_a_later_module_from_refusing_it(self):
        self.first(mutual())
        self.refused(mutual([{"use": JUDGE, "auth": "accept", "name": "a"},
                             {"use": JUDGE, "auth": "reject", "name": "b"}]), 49, "1")

    def test_what_a_module_forgave_once_it_is_asked_again(self):
        forgiving = mutual([{"use": JUDGE, "auth": "accept"}])
        unknown = ["-cert", places.cert("client-unknown.crt"), "-key", places.cert("client-unknown.key")]
        self.first(forgiving, unknown)
        self.let_in(forgiving, NEW, unknown)
        self.refused(mutual(), 48, "0", unknown)

    def test_a_deferred_verdict_holds_a_resumption(self):
        self.first(mutual())
        for verdict in "next", "accept":
            with self.subTest(verdict=verdict):
                self.let_in(mutual([{"use": JUDGE, "auth": verdict, "deferred": True, "delay": "50ms"}]), REUSED)
        self.refused(mutual([{"use": JUDGE, "auth": "reject", "deferred": True}]), 49, "1")


def serial(name):
    with open(places.cert(name + ".crt"), "rb") as f:
        return format(x509.load_pem_x509_certificate(f.read()).serial_number, "X")


if __name__ == "__main__":
    parallel.main()

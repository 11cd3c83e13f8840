#!/usr/bin/env python3
"""Certificates, chains of every length, and hellos and messages in pieces."""

import subprocess
import unittest

import parallel
import places
from clients import alert_of, echoes, gnutls_cli, new_word, s_client
from dtlsd import Daemon, echo
from proxy import HANDSHAKE, Proxy, records

VERIFY = ["-CAfile", places.cert("roots.crt"), "-verify_return_error"]


def with_certificate(certificate, **tls):
    return echo(tls={"certificate": certificate, **tls})


class Kinds(unittest.TestCase):
    def test_ecdsa_and_rsa_stand_side_by_side(self):
        both = [places.cert("server.pem"), places.cert("server-rsa.pem")]
        for order in both, both[::-1]:
            with Daemon(with_certificate(order)) as d:
                for kind, sigalgs in ("ECDSA", "ECDSA+SHA256"), ("RSA-PSS", "RSA-PSS+SHA256"), ("RSA", "RSA+SHA256"):
                    with self.subTest(kind=kind, order=order), s_client(d.address, *VERIFY, "-sigalgs", sigalgs) as c:
                        c.expect(f"Peer signature type: {kind}$")
                        c.expect(r"Verify return code: 0 \(ok\)")
                        echoes(c)

    def test_every_form_of_a_certificate_is_served(self):
        password = {"env": "DTLSD_TEST_PASSWORD"}
        forms = {
            "PEM": places.cert("server.pem"),
            "two files": {"file": places.cert("server.crt"), "key": places.cert("server.key")},
            "chain apart": {"file": places.cert("server-inter.crt"), "key": places.cert("server-inter.key"),
                            "chain": [places.cert("inter.crt")]},
            "key first": places.cert("server-key-first.pem"),
            "encrypted key": {"file": places.cert("server.crt"), "key": places.cert("server-encrypted.key"),
                              "key_password": password},
            "traditional key": {"file": places.cert("server.crt"), "key": places.cert("server-traditional.key"),
                                "key_password": password},
            "PKCS#12": {"file": places.cert("server.p12"), "password": password},
            "certbot": places.cert("certbot"),
        }
        for form, certificate in forms.items():
            with self.subTest(form=form), Daemon(with_certificate(certificate),
                                                 environment={"DTLSD_TEST_PASSWORD": "secret"}) as d:
                with s_client(d.address, *VERIFY) as c:
                    c.expect(r"Verify return code: 0 \(ok\)")
                    echoes(c)


class Long(unittest.TestCase):
    """Chains above the size of a datagram, of a record, and of OpenSSL's buffers."""

    def test_openssl_verifies_a_long_chain(self):
        for name in "server-5k", "server-20k":
            with self.subTest(chain=name), Daemon(with_certificate(places.cert(name + ".pem"))) as d:
                with s_client(d.address, *VERIFY) as c:
                    c.expect(r"Verify return code: 0 \(ok\)")
                    echoes(c)
                    self.assertEqual(c.end(), 0)

    def test_gnutls_takes_a_long_chain(self):
        for name in "server-5k", "server-20k":
            with self.subTest(chain=name), Daemon(with_certificate(places.cert(name + ".pem"))) as d:
                with gnutls_cli(d.address) as c:
                    c.expect(f"Got a certificate list of {3 if name == 'server-5k' else 5} certificates")
                    echoes(c)
                    self.assertEqual(c.end(), 0)

    def test_a_client_may_send_a_chain(self):
        config = with_certificate(places.cert("server-20k.pem"), authenticate_clients="required",
                                  client_ca=places.cert("ca.crt"))
        with Daemon(config) as d:
            with s_client(d.address, "-cert", places.cert("client-inter.crt"), "-key", places.cert("client-inter.key"),
                          "-cert_chain", places.cert("inter.crt")) as c:
                echoes(c)
                self.assertEqual(c.end(), 0)

    def test_no_datagram_of_the_handshake_is_longer_than_the_mtu(self):
        config = with_certificate(places.cert("server-20k.pem"))
        config["servers"][0]["handshake"] = {"mtu": 600}
        with Daemon(config) as d, Proxy(d.address) as p:
            with s_client(p.address) as c:
                echoes(c)
                self.assertEqual(c.end(), 0)
            sizes = [len(x) for x in p.datagrams(up=False)]
        self.assertLessEqual(max(sizes), 600)
        self.assertGreater(len(sizes), 20000 // 600)


class Pieces(unittest.TestCase):
    def test_max_fragment_length_is_kept(self):
        for name in "server.pem", "server-20k.pem":
            with self.subTest(chain=name), Daemon(with_certificate(places.cert(name))) as d, \
                    Proxy(d.address) as p:
                with s_client(p.address, "-maxfraglen", "512", "-tlsextdebug") as c:
                    c.expect('server extension "max fragment length"')
                    echoes(c)
                    long = "x" * 480
                    c.say(long)
                    c.expect(f"^{long}$")
                    self.assertEqual(c.end(), 0)
                for data in p.datagrams(up=False):
                    for kind, epoch, body in records(data):
                        overhead = 24 if epoch else 0  # nonce and tag
                        self.assertLessEqual(len(body), 512 + overhead, kind)

    def test_a_datagram_above_max_fragment_length_is_left_out_and_counted(self):
        with Daemon(echo(chain=["broadcast"])) as d:
            with s_client(d.address) as speaker, s_client(d.address) as large, \
                    s_client(d.address, "-maxfraglen", "512") as small:
                for c in speaker, large, small:
                    c.expect("Verify return code")
                long, short = "y" * 600, new_word()
                speaker.say(long)
                large.expect(f"^{long}$")
                speaker.say(short)
                small.expect(f"^{short}$")
                self.assertNotIn("yyy", small.text)
        self.assertEqual(d.chain["server1", "broadcast"]["too_long"], 1)

    def test_a_hello_in_fragments_is_put_together(self):
        with Daemon(echo()) as d, Proxy(d.address) as p:
            with s_client(p.address, "-mtu", "300", "-servername", "a" * 60 + "." + "b" * 60 + ".example",
                          "-alpn", ",".join("protocol-%d" % i for i in range(20))) as c:
                echoes(c)
                self.assertEqual(c.end(), 0)
            hellos = [body for x in p.datagrams(up=True) for kind, epoch, body in records(x)
                      if kind == HANDSHAKE and epoch == 0 and body[0] == 1]
        self.assertTrue(any(body[1:4] != body[9:12] for body in hellos), "no hello was in fragments")

    def test_gnutls_with_a_small_mtu_is_served(self):
        with Daemon(with_certificate(places.cert("server-5k.pem"))) as d:
            with gnutls_cli(d.address, "--mtu", "300") as c:
                echoes(c)
                self.assertEqual(c.end(), 0)


class Choices(unittest.TestCase):
    def test_x25519_is_preferred_over_the_clients_order(self):
        with Daemon(echo()) as d, s_client(d.address, "-groups", "P-384:P-256:X25519") as c:
            c.expect("Server Temp Key: X25519")

    def test_configured_groups_are_kept(self):
        with Daemon(with_certificate(places.cert("server.pem"), groups=["P-384", "P-256"])) as d:
            with s_client(d.address, "-groups", "X25519:P-256:P-384") as c:
                c.expect("Server Temp Key: ECDH, secp384r1")
            with s_client(d.address, "-groups", "X25519") as c:
                self.assertEqual(alert_of(c), 40)

    def test_configured_signature_algorithms_are_kept(self):
        config = with_certificate(places.cert("server-rsa.pem"), signature_algorithms=["RSA-PSS+SHA384"])
        with Daemon(config) as d, s_client(d.address) as c:
            c.expect("Peer signing digest: SHA384")
            c.expect("Peer signature type: RSA-PSS")

    def test_only_dtls_1_2_is_spoken(self):
        with Daemon(echo()) as d:
            done = subprocess.run([places.tool("openssl"), "s_client", "-dtls1", "-cipher", "ALL:@SECLEVEL=0",
                                   "-connect", d.address], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=30)
            self.assertNotEqual(done.returncode, 0)
            self.assertNotIn("Cipher is ECDHE", done.stdout)


if __name__ == "__main__":
    parallel.main()

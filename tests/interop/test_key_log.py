#!/usr/bin/env python3
"""What is on the wire, read by another implementation with the secrets of the key log."""

import stat
import unittest
from collections import Counter

import gnutls
import parallel
import places
import wire
from clients import echoes, gnutls_cli, new_word, s_client
from dtlsd import Daemon, echo
from proxy import Proxy
from tshark import tshark

WARNING, FATAL = 1, 2
CLOSE_NOTIFY, INTERNAL_ERROR = 0, 80
REQUEST, RESPONSE = 1, 2


class KeyLog(unittest.TestCase):
    """tshark 4.0 does not read ChaCha20-Poly1305 in DTLS 1.2, not even of OpenSSL's own server: there the
    model in tests/model reads instead, with the same key log."""

    CBC = "ECDHE-ECDSA-AES128-SHA256"
    SUITES = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-CCM",
              "ECDHE-ECDSA-AES256-CCM8", "ECDHE-ECDSA-CHACHA20-POLY1305", CBC]
    CIPHERS = ["AES-128-GCM", "AES-256-GCM", "AES-128-CCM", "AES-256-CCM-8", "CHACHA20-POLY1305",
               "AES-128-CBC"]  # in GnuTLS's words

    def logging(self, keep_alive=None, **tls):
        d = Daemon()
        self.log = d.directory / "keys"
        tls = {"certificate": places.cert("server.pem"), "key_log_file": str(self.log), **tls}
        d.configure(echo(tls=tls, **({"keep_alive": keep_alive} if keep_alive else {})))
        return d

    def read(self, daemon, proxy, chacha):
        pcap = daemon.directory / "pcap"
        proxy.write_pcap(pcap)
        shown = wire.by_tshark(pcap, proxy.port, self.log)
        if not chacha:
            return shown
        heard = wire.by_model(proxy, self.log)
        self.assertIn(shown, ([], heard))  # a later tshark may know better
        return heard

    def test_it_decrypts_what_was_said(self):
        for suite in self.SUITES:
            with self.subTest(suite=suite), self.logging(cipher_suites=[suite]) as d:
                word = new_word()
                with Proxy(d.address) as p:
                    with s_client(p.address, "-cipher", suite) as c:
                        c.say(word)
                        c.expect(f"^{word}$")
                        self.assertEqual(c.end(), 0)
                    d.wait_for("disconnected: closed by the client")
                data, bye = f"{word}\n".encode(), (WARNING, CLOSE_NOTIFY)
                self.assertEqual(self.read(d, p, "CHACHA20" in suite),
                                 [(True, "data", data), (False, "data", data),
                                  (True, "alert", bye), (False, "alert", bye)])

    def test_it_decrypts_heartbeats_and_fatal_alerts(self):
        """There are no heartbeats with CBC suites: their records are OpenSSL's, which has none."""
        often = {"enabled": True, "time": "1s", "interval": "10s"}
        for cipher in self.CIPHERS:
            with self.subTest(cipher=cipher), self.logging(often, cipher_suites=["*", self.CBC]) as d:
                with Proxy(d.address) as p:
                    priority = f"NORMAL:-CIPHER-ALL:+{cipher}:+SHA256"
                    with gnutls.Session(p.address, gnutls.MAY_SEND, priority) as s:
                        if s.may_ask:
                            s.ping(16 + 84)  # GnuTLS counts the padding
                            s.answer(1)
                        s.alert(FATAL, INTERNAL_ERROR)
                    d.wait_for("disconnected: fatal alert")
                heartbeats = [(True, "heartbeat", (REQUEST, 84)), (False, "heartbeat", (RESPONSE, 84)),
                              (False, "heartbeat", (REQUEST, 16)), (True, "heartbeat", (RESPONSE, 16))]
                alert = (True, "alert", (FATAL, INTERNAL_ERROR))
                heard = self.read(d, p, "CHACHA20" in cipher)
                wanted = [*heartbeats, alert] if "CBC" not in cipher else [alert]
                self.assertEqual(Counter(heard[:len(wanted)]), Counter(wanted))

    def test_resumed_sessions_are_in_it(self):
        with self.logging() as d, gnutls_cli(d.address, "--resume") as c:
            c.expect("This is a resumed session")
            echoes(c)
            randoms = [line.split()[1] for line in self.log.read_text().splitlines()]
            self.assertEqual(len(set(randoms)), 2)

    def test_it_is_for_its_owner_and_grows(self):
        with self.logging() as d:
            d.wait_for("decrypt every connection")
            for _ in range(2):
                with s_client(d.address) as c:
                    echoes(c)
            lines = self.log.read_text().splitlines()
            self.assertEqual(len(lines), 2)
            self.assertTrue(all(x.startswith("CLIENT_RANDOM ") for x in lines))
            self.assertEqual(stat.S_IMODE(self.log.stat().st_mode), 0o600)

    def test_without_it_nobody_reads_along(self):
        with Daemon(echo()) as d:
            with Proxy(d.address) as p:
                with s_client(p.address) as c:
                    echoes(c)
            pcap = d.directory / "pcap"
            p.write_pcap(pcap)
            self.assertEqual(tshark(pcap, p.port, "-Y", "data", "-T", "fields", "-e", "data.data"), [])
            self.assertEqual(p.datagrams(True)[0].count(b"word-"), 0)


class Wire(unittest.TestCase):
    def test_nothing_on_the_wire_is_malformed(self):
        config = echo(tls={"certificate": places.cert("server-20k.pem"), "authenticate_clients": "requested",
                           "client_ca": places.cert("ca.crt")})
        with Daemon(config) as d:
            with Proxy(d.address) as p:
                for options in [], ["-maxfraglen", "512"], ["-mtu", "300"]:
                    with s_client(p.address, *options) as c:
                        echoes(c)
                        self.assertEqual(c.end(), 0)
            pcap = str(d.directory / "pcap")
            p.write_pcap(pcap)
            self.assertEqual(tshark(pcap, p.port, "-Y", "_ws.malformed || dtls.fragment.error || dtls.fragment.overlap.conflicts"), [])
            kinds = {int(x) for line in tshark(pcap, p.port, "-T", "fields", "-e", "dtls.handshake.type")
                     for x in line.split(",") if x}
            # HelloVerifyRequest, both hellos, ticket, certificate, key exchange, request, done.
            self.assertTrue({1, 2, 3, 4, 11, 12, 13, 14, 16} <= kinds, kinds)


if __name__ == "__main__":
    parallel.main()

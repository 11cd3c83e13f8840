#!/usr/bin/env python3
"""What is on the wire, read by another implementation with the secrets of the key log."""

import stat
import unittest

import parallel
import places
from clients import echoes, gnutls_cli, new_word, s_client
from dtlsd import Daemon, echo
from proxy import Proxy
from tshark import tshark


class KeyLog(unittest.TestCase):
    # tshark 4.0 does not read ChaCha20-Poly1305 in DTLS 1.2, not even of OpenSSL's own server.
    SUITES = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-CCM",
              "ECDHE-ECDSA-AES128-CCM8"]

    def logging(self, **tls):
        d = Daemon()
        self.log = d.directory / "keys"
        d.configure(echo(tls={"certificate": places.cert("server.pem"), "key_log_file": str(self.log), **tls}))
        return d

    def test_it_decrypts_what_was_said(self):
        for suite in self.SUITES:
            with self.subTest(suite=suite), self.logging(cipher_suites=[suite]) as d:
                word = new_word()
                with Proxy(d.address) as p:
                    with s_client(p.address, "-cipher", suite) as c:
                        c.say(word)
                        c.expect(f"^{word}$")
                        self.assertEqual(c.end(), 0)
                pcap = str(d.directory / "pcap")
                p.write_pcap(pcap)
                data = tshark(pcap, p.port, "-o", f"tls.keylog_file:{self.log}", "-Y", "data",
                              "-T", "fields", "-e", "udp.srcport", "-e", "data.data")
                said = [line.split("\t") for line in data]
                self.assertEqual([bytes.fromhex(x) for _, x in said], [f"{word}\n".encode()] * 2)
                self.assertEqual([int(port) == p.port for port, _ in said], [False, True])

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
            pcap = str(d.directory / "pcap")
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

#!/usr/bin/env python3
"""What a server with nothing but a certificate, or a file of keys, offers and refuses: RFC 9325, RFC 7925."""

import unittest

import parallel
import places
from clients import alert_of, echoes, s_client
from dtlsd import Daemon, echo
from proxy import Proxy
from tshark import tshark

HANDSHAKE_FAILURE = 40
DTLS_1_2 = "0xfefd"
EXTENDED_MASTER_SECRET, SESSION_TICKET, RENEGOTIATION_INFO = 23, 35, 65281
HELLO_VERIFY_REQUEST, NEW_SESSION_TICKET, CERTIFICATE_REQUEST = 3, 4, 13


def fields(pcap, port, which, *names):
    """One list of values for each packet that has them."""
    wanted = [x for name in names for x in ("-e", name)]
    return [line.split("\t") for line in tshark(pcap, port, "-Y", which, "-T", "fields", *wanted)]


def rsa():
    return echo(tls={"certificate": places.cert("server-rsa.pem")})


class Defaults(unittest.TestCase):
    def test_the_wire_shows_what_was_chosen(self):
        with Daemon(echo()) as d:
            with Proxy(d.address) as p:
                with s_client(p.address, "-cipher", "ALL:@SECLEVEL=0", "-servername", "device.example") as c:
                    echoes(c)
                    self.assertEqual(c.end(), 0)
            pcap = str(d.directory / "pcap")
            p.write_pcap(pcap)
            (version, suite, compression, extensions), = fields(
                pcap, p.port, "dtls.handshake.type == 2", "dtls.handshake.version", "dtls.handshake.ciphersuite",
                "dtls.handshake.comp_method", "dtls.handshake.extension.type")
            self.assertEqual((version, int(suite, 0), int(compression, 0)), (DTLS_1_2, 0xc02b, 0))
            answered = {int(x) for x in extensions.split(",")}
            self.assertTrue({EXTENDED_MASTER_SECRET, SESSION_TICKET, RENEGOTIATION_INFO} <= answered, answered)
            kinds = {int(x) for (line,) in fields(pcap, p.port, "dtls.handshake", "dtls.handshake.type")
                     for x in line.split(",") if x}
            self.assertTrue({HELLO_VERIFY_REQUEST, NEW_SESSION_TICKET} <= kinds, kinds)
            self.assertNotIn(CERTIFICATE_REQUEST, kinds)

    def test_forward_secrecy_and_aead_only(self):
        with Daemon(rsa()) as d:
            for cipher in ("AES128-GCM-SHA256", "AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA256",
                           "DHE-RSA-AES128-GCM-SHA256", "AECDH-AES128-SHA", "ECDHE-RSA-NULL-SHA"):
                with self.subTest(cipher=cipher), s_client(d.address, "-cipher", cipher + ":@SECLEVEL=0") as c:
                    self.assertEqual(alert_of(c), HANDSHAKE_FAILURE)
            with s_client(d.address, "-cipher", "AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256") as c:
                c.expect("Cipher is ECDHE-RSA-AES128-GCM-SHA256")

    def test_what_small_devices_speak(self):
        with Daemon(echo()) as d:
            with s_client(d.address, "-cipher", "ECDHE-ECDSA-AES128-CCM8", "-groups", "P-256",
                          "-servername", "device.example") as c:
                c.expect("Cipher is ECDHE-ECDSA-AES128-CCM8")
                echoes(c)
        d = Daemon()
        (d.directory / "keys").write_text("device:00112233445566778899aabbccddeeff\n")
        (d.directory / "keys").chmod(0o600)
        d.configure(echo(tls={"psk": str(d.directory / "keys")}))
        with d, s_client(d.address, "-cipher", "PSK-AES128-CCM8", "-psk_identity", "device",
                         "-psk", "00112233445566778899aabbccddeeff") as c:
            c.expect("Cipher is PSK-AES128-CCM8")
            echoes(c)


if __name__ == "__main__":
    parallel.main()

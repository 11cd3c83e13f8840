#!/usr/bin/env python3
"""Every cipher suite whose records are ours, and one whose records are OpenSSL's, with two stacks."""

import contextlib
import re
import unittest

import parallel
import places
from clients import alert_of, echoes, gnutls_cli, s_client
from dtlsd import Daemon, echo

IDENTITY, KEY = "device-1", "00112233445566778899aabbccddeeff"

# Never offered, though we could read their records.
LEFT_OUT = {
    "DHE_DSS": "DSA certificates are refused by everybody",
    "DH_anon": "\"*\" holds no suite without authentication",
}
GNUTLS_CIPHER = {
    "AES_128_GCM": "AES-128-GCM", "AES_256_GCM": "AES-256-GCM", "AES_128_CCM": "AES-128-CCM",
    "AES_256_CCM": "AES-256-CCM", "AES_128_CCM_8": "AES-128-CCM-8", "AES_256_CCM_8": "AES-256-CCM-8",
    "CHACHA20_POLY1305": "CHACHA20-POLY1305",
}


def our_suites():
    """(IANA name, OpenSSL's name) of every row of suite.def that a client can choose."""
    text = (places.SOURCE / "core/dtls/suite.def").read_text()
    rows = re.findall(r'^X\(0x\w+, "(\w+)", "([\w-]+)"', text, re.MULTILINE)
    return [row for row in rows if not any(word in row[0] for word in LEFT_OUT)]


def psk_file(directory):
    path = directory / "psk"
    path.write_text(f"{IDENTITY}:{KEY}\n")
    return str(path)


def everything(**tls):
    """A daemon with both kinds of certificate, a pre-shared key, and every suite."""
    d = Daemon()
    d.configure(echo(tls={
        "certificate": [places.cert("server.pem"), places.cert("server-rsa.pem")],
        "psk": psk_file(d.directory), "cipher_suites": ["*"], **tls}))
    return d


def gnutls_options(iana):
    key_exchange, cipher = re.fullmatch(r"TLS_(\w+?)_WITH_(\w+?)(?:_SHA\d+)?", iana).groups()
    key_exchange = key_exchange.replace("_", "-")
    priority = "NONE:+VERS-DTLS1.2:+MAC-ALL:+SIGN-ALL:+GROUP-ALL:+CTYPE-ALL:" \
        f"+{key_exchange}:+{GNUTLS_CIPHER[cipher]}"
    options = ["--priority", priority]
    if "PSK" in key_exchange:
        options += ["--pskusername", IDENTITY, "--pskkey", KEY]
    return options


class Suites(unittest.TestCase):
    def test_openssl_uses_each_of_our_suites(self):
        suites = our_suites()
        self.assertGreater(len(suites), 40)
        with everything() as d, contextlib.ExitStack() as clients:
            seen = []
            for iana, name in suites:
                with self.subTest(suite=iana):
                    c = clients.enter_context(s_client(
                        d.address, "-cipher", name, "-psk_identity", IDENTITY, "-psk", KEY))
                    c.expect(rf"Cipher is {name}$")
                    echoes(c)
                    c.leave()
                    seen.append(c)
            self.assertEqual([c.wait() for c in seen], [0] * len(suites))
        self.assertEqual(d.counters["handshakes_done"], len(suites))
        self.assertEqual(d.counters.get("records.bad_tag", 0), 0)

    def test_gnutls_uses_each_of_our_suites(self):
        # gnutls-cli 3.7.9 dies when it describes a session of (EC)DHE-PSK.
        suites = [row for row in our_suites() if not re.search("DHE_PSK|PSK_DHE", row[0])]
        with everything() as d:
            for iana, _ in suites:
                with self.subTest(suite=iana), gnutls_cli(d.address, *gnutls_options(iana)) as c:
                    c.expect("Handshake was completed")
                    echoes(c)
                    self.assertEqual(c.end(), 0)
        self.assertEqual(d.counters["handshakes_done"], len(suites))

    def test_a_suite_is_configured_by_either_name(self):
        both = {"iana": "TLS_PSK_WITH_AES_128_CCM_8", "openssl": "PSK-AES128-CCM8"}
        for kind, name in both.items():
            with self.subTest(kind=kind), everything(cipher_suites=[name]) as d:
                with s_client(d.address, "-cipher", "ALL:PSK-AES128-CCM8", "-psk_identity", IDENTITY,
                              "-psk", KEY) as c:
                    c.expect("Cipher is PSK-AES128-CCM8$")
                    echoes(c)
                    self.assertEqual(c.end(), 0)

    def test_the_order_is_the_servers(self):
        wanted = ["ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"]
        for order in wanted, wanted[::-1]:
            with self.subTest(order=order), everything(cipher_suites=order) as d:
                with s_client(d.address, "-cipher", ":".join(reversed(order))) as c:
                    c.expect(f"Cipher is {order[0]}$")
                    self.assertEqual(c.end(), 0)

    def test_a_suite_that_is_not_configured_is_refused(self):
        with everything(cipher_suites=["ECDHE-ECDSA-AES128-GCM-SHA256"]) as d:
            with s_client(d.address, "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384") as c:
                self.assertEqual(alert_of(c), 40)  # handshake_failure


    def test_a_suite_with_a_short_key_is_left_out(self):
        with everything(min_strength_bits=256) as d:
            with s_client(d.address, "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256") as c:
                self.assertEqual(alert_of(c), 40)
            with s_client(d.address, "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384") as c:
                echoes(c)
                self.assertEqual(c.end(), 0)


class Cbc(unittest.TestCase):
    """Records that OpenSSL keeps."""

    SUITE = "ECDHE-ECDSA-AES128-SHA256"

    def test_a_cbc_suite_echoes_with_encrypt_then_mac(self):
        with everything(cipher_suites=[self.SUITE]) as d:
            with s_client(d.address, "-tlsextdebug") as c:
                c.expect('server extension "encrypt-then-mac"')
                c.expect(f"Cipher is {self.SUITE}$")
                for _ in range(5):
                    echoes(c)
                self.assertEqual(c.end(), 0)
        self.assertEqual(d.counters["data_in"], 5)
        self.assertEqual(d.counters["connections_closed"], 1)

    def test_gnutls_speaks_it_too(self):
        with everything(cipher_suites=[self.SUITE]) as d:
            with gnutls_cli(d.address, "--priority",
                            "NORMAL:-CIPHER-ALL:+AES-128-CBC:-MAC-ALL:+SHA256") as c:
                c.expect("Handshake was completed")
                echoes(c)
                self.assertEqual(c.end(), 0)

    def test_without_encrypt_then_mac_it_is_refused(self):
        with everything(cipher_suites=[self.SUITE]) as d:
            with gnutls_cli(d.address, "--priority",
                            "NORMAL:-CIPHER-ALL:+AES-128-CBC:-MAC-ALL:+SHA256:%NO_ETM") as c:
                c.expect(r"Received alert \[40\]")

    def test_without_encrypt_then_mac_an_aead_suite_is_found(self):
        with everything(cipher_suites=[self.SUITE, "ECDHE-ECDSA-AES128-GCM-SHA256"]) as d:
            with gnutls_cli(d.address, "--priority", "NORMAL:%NO_ETM") as c:
                c.expect("AES-128-GCM")
                echoes(c)
                self.assertEqual(c.end(), 0)

    def test_server_closing_says_goodbye(self):
        with everything(cipher_suites=[self.SUITE]) as d:
            with s_client(d.address) as c:
                echoes(c)
                d.stop()
                self.assertEqual(c.wait(), 0)
                self.assertRegex(c.text, r"(?m)^closed$")
                d.clean()


if __name__ == "__main__":
    parallel.main()

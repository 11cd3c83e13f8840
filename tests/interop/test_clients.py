#!/usr/bin/env python3
"""The clients that people already have get their answers."""

import os
import re
import shlex
import subprocess
import unittest

import parallel
import places
from clients import CoapServer, coap_get, echoes, gnutls_cli, new_word, s_client
from dtlsd import Daemon, echo, serving


class Dev(unittest.TestCase):
    """dtlsd --dev, which is what `make run` starts."""

    def test_the_line_that_it_prints_works(self):
        with Daemon(arguments=["--dev", "--port", "0"]) as d:
            line = d.stdout.expect(r"^  (openssl .*)$")[1]
            word = new_word()
            done = subprocess.run(shlex.split(line) + ["-quiet", "-no_ign_eof"], input=word + "\n",
                                  capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 0, done.stderr)
            with s_client(re.search(r"-connect (\S+)", line)[1]) as c:
                echoes(c)
                self.assertEqual(c.end(), 0)

    def test_it_listens_on_loopback_only(self):
        with Daemon(arguments=["--dev", "--port", "0"]) as d:
            self.assertEqual([a.rpartition(":")[0] for a in d.addresses["dev"]], ["127.0.0.1"])

    def test_another_module_can_be_tried(self):
        with Daemon(arguments=["--dev", "--port", "0", "broadcast"]) as d:
            with s_client(d.address) as one, s_client(d.address) as two:
                one.expect("Verify return code")
                two.expect("Verify return code")
                word = new_word()
                one.say(word)
                two.expect(f"^{word}$")

    def test_gnutls_gets_its_echo(self):
        with Daemon(arguments=["--dev", "--port", "0"]) as d, gnutls_cli(d.address) as c:
            echoes(c)
            self.assertEqual(c.end(), 0)

    def test_a_taken_port_names_its_holder(self):
        with Daemon(arguments=["--dev", "--port", "0"]) as first:
            done = subprocess.run([places.DTLSD, "--dev", "--port", str(first.port)],
                                  capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"cannot listen on 127.0.0.1:{first.port}: Address already in use", done.stderr)
            # Another's open files are for root to see.
            if os.geteuid() == 0:
                self.assertIn(f"held by dtlsd (pid {first.process.pid})", done.stderr)


class Coap(unittest.TestCase):
    """CoAP clients through relay, to a server that knows nothing of DTLS."""

    def test_both_clients_get_the_resources_of_the_back_end(self):
        with CoapServer() as back, Daemon(serving(chain=[{"use": "relay", "to": back.address}])) as d:
            for program in "coap-client-openssl", "coap-client-gnutls":
                with self.subTest(client=program):
                    self.assertIn("</time>", coap_get(program, d.address, "/.well-known/core"))
                    self.assertIn("libcoap", coap_get(program, d.address, "/"))
        self.assertEqual(d.counters["connections_closed"], 4)
        self.assertEqual(d.chain["server1", "relay"]["flows_closed"], 4)

    def test_a_device_with_a_pre_shared_key_gets_them(self):
        d = Daemon()
        psk = d.directory / "psk"
        psk.write_text("device-1:736563726574\n")
        with CoapServer() as back:
            d.configure(serving(tls={"psk": str(psk)}, chain=[{"use": "relay", "to": back.address}]))
            with d:
                for program in "coap-client-openssl", "coap-client-gnutls":
                    with self.subTest(client=program):
                        self.assertIn("</time>", coap_get(program, d.address, "/.well-known/core",
                                                          "-u", "device-1", "-k", "secret"))


class Listeners(unittest.TestCase):
    def test_one_server_listens_on_several_addresses(self):
        with Daemon(echo(listen=["127.0.0.1:0", "[::1]:0", "127.9.8.7:0"])) as d:
            self.assertEqual(len(d.addresses["server1"]), 3)
            for address in d.addresses["server1"]:
                with self.subTest(address=address), s_client(address) as c:
                    echoes(c)
                    self.assertEqual(c.end(), 0)

    def test_gnutls_comes_over_ipv6(self):
        with Daemon(echo(listen="[::1]:0")) as d, gnutls_cli(d.address) as c:
            echoes(c)
            self.assertEqual(c.end(), 0)

    def test_a_wildcard_answers_from_the_address_that_was_asked(self):
        with Daemon(echo(listen="0.0.0.0:0")) as d:
            # s_client's socket is connected: an answer from elsewhere would not reach it.
            with s_client(f"127.11.12.13:{d.port}") as c:
                echoes(c)
                self.assertEqual(c.end(), 0)

    def test_each_server_has_its_own_chain_and_certificate(self):
        other = {"name": "other", "listen": "127.0.0.1:0", "tls": {"certificate": places.cert("server-rsa.pem")},
                 "chain": ["broadcast"]}
        with Daemon(serving(other, name="first", chain=["echo"])) as d:
            with s_client(d.addresses["first"][0]) as c:
                c.expect("Peer signature type: ECDSA")
                echoes(c)
                self.assertEqual(c.end(), 0)
            with s_client(d.addresses["other"][0]) as c:
                c.expect("Peer signature type: RSA")
                self.assertEqual(c.end(), 0)

    def test_clients_are_served_by_several_workers(self):
        config = echo()
        config["workers"] = 4
        with Daemon(config) as d:
            for _ in range(8):
                with s_client(d.address) as c:
                    echoes(c)
        self.assertEqual(d.counters["handshakes_done"], 8)


if __name__ == "__main__":
    parallel.main()

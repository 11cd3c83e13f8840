#!/usr/bin/env python3
"""Decisions of modules on requests, pre-shared keys and certificates: at once, by another thread, never."""

import unittest

import parallel
import places
from clients import alert_of, echoes, gnutls_cli, s_client
from dtlsd import Daemon, echo
from events import events, wait_for_event
from proxy import HANDSHAKE, Proxy, records

WITNESS = places.module("witness")
JUDGE = places.module("judge")
KEY = "a key of 16 byte"
PSK = ["-psk_identity", "device-1", "-psk", KEY.encode().hex()]
CLIENT = ["-cert", places.cert("client.crt"), "-key", places.cert("client.key")]
UNKNOWN = ["-cert", places.cert("client-unknown.crt"), "-key", places.cert("client-unknown.key")]
LATER = {"deferred": True}
# Long enough that a slow machine does not miss it, short enough to wait for.
SOON = {"defer_timeout": "300ms"}


def judged(tls=None, **options):
    return echo(tls={"certificate": places.cert("server.pem"), **(tls or {})},
                chain=[WITNESS, {"use": JUDGE, **options}, "echo"])


def mutual(**options):
    return judged({"authenticate_clients": "required", "client_ca": places.cert("ca.crt")}, **options)


def with_psk(file=None, **options):
    """Without a certificate: whoever has no key has no suite."""
    config = echo(tls={}, chain=[WITNESS, {"use": JUDGE, "key": KEY, **options}, "echo"])
    if file:
        config["servers"][0]["tls"] = {"psk": file}
    return config


class Base(unittest.TestCase):
    def let_in(self, config, client=()):
        with Daemon(config) as d:
            with s_client(d.address, *client) as c:
                echoes(c)
                c.leave()
                wait_for_event(d, "disconnected")
        self.assertEqual([e["status"] for e in events(d, "connected")], ["0"])
        return d

    def refused(self, config, alert, status, client=()):
        with Daemon(config) as d:
            with s_client(d.address, *client) as c:
                self.assertEqual(alert_of(c), alert)
            told = events(d, "connected")
        self.assertEqual([e["status"] for e in told], [status] if status else [])
        return d

    def ignored(self, config):
        """The client hears nothing but cookies."""
        with Daemon(config) as d, Proxy(d.address) as p:
            with s_client(p.address):
                p.wait(lambda p: len(p.datagrams(up=True)) >= 3, "a repeated hello")
                d.stop()
                heard = {r[2][0] for x in p.datagrams(up=False) for r in records(x) if r[0] == HANDSHAKE}
                self.assertEqual(heard, {3})  # HelloVerifyRequest
                self.assertGreaterEqual(d.counters["records.refused"], 1)
                self.assertEqual(events(d, "connected"), [])
                d.clean()


class Requests(Base):
    """connection_request"""

    def test_a_verdict_at_once(self):
        for verdict in "next", "accept":
            with self.subTest(verdict=verdict):
                self.let_in(judged(request=verdict))

    def test_a_refusal_is_silent_unless_it_names_an_alert(self):
        self.ignored(judged(request="reject"))
        self.refused(judged(request="reject", alert=49), 49, None)

    def test_a_verdict_out_of_range_refuses(self):
        self.ignored(judged(request="nonsense"))

    def test_a_verdict_of_another_thread(self):
        for verdict in "next", "accept":
            with self.subTest(verdict=verdict):
                d = self.let_in(judged(request=verdict, delay="50ms", **LATER))
                self.assertEqual(d.messages("^resolve gave"), ["resolve gave 1"])

    def test_a_refusal_of_another_thread(self):
        self.ignored(judged(request="reject", **LATER))

    def test_a_hello_that_comes_again_asks_no_second_time(self):
        with Daemon(judged(request="accept", delay="1500ms", **LATER)) as d, Proxy(d.address) as p:
            with s_client(p.address) as c:  # repeats its hello after a second
                echoes(c)
                self.assertGreaterEqual(len([1 for x in p.datagrams(up=True) for r in records(x)
                                             if r[0] == HANDSHAKE and r[1] == 0 and r[2][0] == 1]), 3)
            self.assertEqual(len(events(d, "request")), 1)

    def test_none_that_comes_means_the_default(self):
        self.let_in(judged(request="never", defer_default="accept", **SOON))
        self.ignored(judged(request="never", defer_default="reject", **SOON))


class Keys(Base):
    """psk_lookup"""

    def file(self, daemon, text=f"device-1:{KEY.encode().hex()}\n"):
        path = daemon.directory / "psk"
        path.write_text(text)
        return str(path)

    def test_a_module_finds_the_key(self):
        d = self.let_in(with_psk(psk="found"), PSK)
        self.assertEqual(events(d, "connected")[0]["psk"], "device-1")
        self.assertEqual(events(d, "psk")[0]["identity"], "device-1")

    def test_another_thread_finds_the_key(self):
        d = self.let_in(with_psk(psk="found", delay="50ms", **LATER), PSK)
        self.assertEqual(d.messages("^resolve gave"), ["resolve gave 1"])

    def test_gnutls_has_keys_too(self):
        with Daemon(with_psk(psk="found", **LATER)) as d:
            with gnutls_cli(d.address, "--priority", "NORMAL:-KX-ALL:+PSK:+ECDHE-PSK:-ECDHE-PSK",
                            "--pskusername", "device-1", "--pskkey", KEY.encode().hex()) as c:
                echoes(c)
                self.assertEqual(c.end(), 0)

    def test_a_wrong_key_and_an_unknown_identity_look_alike(self):
        wrong = ["-psk_identity", "device-1", "-psk", "00" * 16]
        self.refused(with_psk(psk="found"), 51, "403", wrong)
        self.refused(with_psk(psk="next"), 51, "403", PSK)
        self.refused(with_psk(psk="reject"), 51, "403", PSK)

    def test_a_refusal_of_another_thread(self):
        for verdict in "reject", "next":
            with self.subTest(verdict=verdict):
                self.refused(with_psk(psk=verdict, **LATER), 51, "403", PSK)

    def test_none_that_comes_means_the_default(self):
        self.refused(with_psk(psk="never", defer_default="reject", **SOON), 51, "403", PSK)

    def test_the_file_knows_whom_no_module_knows(self):
        for options in ({"psk": "next"}, {"psk": "next", **LATER},
                        {"psk": "never", "defer_default": "accept", **SOON}):
            with self.subTest(options=options):
                d = Daemon()
                d.configure(with_psk(file=self.file(d), **options))
                with d, s_client(d.address, *PSK) as c:
                    echoes(c)
                    self.assertEqual(c.end(), 0)

    def test_a_module_refuses_whom_the_file_knows(self):
        d = Daemon()
        d.configure(with_psk(file=self.file(d), psk="reject"))
        with d, s_client(d.address, *PSK) as c:
            self.assertEqual(alert_of(c), 51)

    def test_identities_of_any_bytes_are_told_escaped(self):
        d = Daemon()
        identity = "größe\n\"x\""
        d.configure(with_psk(psk="found"))
        with d, s_client(d.address, "-psk_identity", identity, "-psk", KEY.encode().hex()) as c:
            echoes(c)
            self.assertEqual(c.end(), 0)
            told = wait_for_event(d, "connected")["psk"]
            self.assertTrue(told.isascii() and "\\" in told, told)


class Certificates(Base):
    """client_auth"""

    def test_a_verdict_of_another_thread(self):
        for verdict in "next", "accept":
            with self.subTest(verdict=verdict):
                d = self.let_in(mutual(auth=verdict, delay="50ms", **LATER), CLIENT)
                self.assertEqual(d.messages("^resolve gave"), ["resolve gave 1"])

    def test_another_thread_overrules_verification(self):
        self.let_in(mutual(auth="accept", **LATER), UNKNOWN)
        self.refused(mutual(auth="reject", **LATER), 49, "404", CLIENT)

    def test_a_deferred_next_leaves_it_to_verification(self):
        self.refused(mutual(auth="next", **LATER), 48, "404", UNKNOWN)

    def test_a_deferred_verdict_goes_on_with_the_modules_behind(self):
        config = mutual(auth="accept", name="first", **LATER)
        config["servers"][0]["chain"].insert(2, {"use": JUDGE, "name": "last", "auth": "reject", **LATER})
        self.refused(config, 49, "404", CLIENT)
        config["servers"][0]["chain"][2]["auth"] = "next"
        self.let_in(config, UNKNOWN)

    def test_data_that_comes_while_a_verdict_is_awaited_is_not_lost(self):
        with Daemon(mutual(auth="accept", delay="1500ms", **LATER)) as d:
            with s_client(d.address, *CLIENT) as c:  # its flight repeats meanwhile
                echoes(c)
                self.assertEqual(c.end(), 0)
            self.assertEqual(len(events(d, "auth")), 1)

    def test_none_that_comes_means_the_default(self):
        self.let_in(mutual(auth="never", defer_default="accept", **SOON), CLIENT)
        self.refused(mutual(auth="never", defer_default="reject", **SOON), 49, "404", CLIENT)

    def test_one_that_comes_too_late_changes_nothing(self):
        with Daemon(mutual(auth="accept", delay="600ms", **LATER, **SOON)) as d:
            with s_client(d.address, *CLIENT) as c:
                self.assertEqual(alert_of(c), 49)
            self.assertEqual(d.wait_for("^resolve gave"), ["resolve gave -1"])  # DTLSD_GONE
            self.assertEqual([e["status"] for e in events(d, "connected")], ["404"])

    def test_the_end_of_the_server_ends_the_wait(self):
        with Daemon(mutual(auth="never", defer_timeout="1h")) as d:
            with s_client(d.address, *CLIENT):
                wait_for_event(d, "auth")
                d.stop()
                self.assertEqual(len(events(d, "connected")), 1)
                self.assertNotEqual(events(d, "connected")[0]["status"], "0")
                d.clean()


if __name__ == "__main__":
    parallel.main()

#!/usr/bin/env python3
"""HUP: another configuration takes the place of the one that is served, and no connection ends."""

import json
import os
import signal
import subprocess
import unittest

import parallel
import places
from clients import echoes, new_word, s_client
from crafted import Crafted
from dtlsd import PATIENCE, Daemon, echo

WITNESS = places.module("witness")


class Reloading(Daemon):
    """A daemon whose configuration is exchanged while it runs."""

    def __init__(self, config):
        super().__init__(config)
        self.config = config
        self.reloads = self.refusals = 0

    def write(self, change):
        """`change` gets the configuration and its first server, to be changed in place."""
        change(self.config, self.config["servers"][0])
        listen = self.config["servers"][0]["listen"]
        self.configure(self.config)
        self.config["servers"][0]["listen"] = listen

    def reload(self, change=lambda config, server: None):
        self.write(change)
        self.send_signal(signal.SIGHUP)
        self.reloads += 1
        self.wait_for("^reloaded$", self.reloads)

    def refuse(self, change):
        """The messages that say why."""
        good = json.dumps(self.config)
        before = len(list(self.lines()))
        self.write(change)
        self.send_signal(signal.SIGHUP)
        self.refusals += 1
        self.wait_for("^not reloaded, all goes on as before", self.refusals)
        self.config = json.loads(good)
        return [line["message"] for line in list(self.lines())[before:]]


class Reload(unittest.TestCase):
    def test_a_new_certificate_is_served_from_the_next_handshake_on(self):
        with Reloading(echo()) as d, s_client(d.address) as old:
            echoes(old)
            d.reload(lambda _, s: s.update(tls={"certificate": places.cert("server-rsa.pem")}))
            with s_client(d.address) as c:
                c.expect("Peer signature type: RSA")
                echoes(c)
            echoes(old)
            self.assertEqual(old.end(), 0)

    def test_connections_of_a_chain_that_changed_go_on_under_the_old_one(self):
        with Reloading(echo(chain=[WITNESS, "echo"])) as d, s_client(d.address) as old:
            echoes(old)
            d.reload(lambda _, s: s.update(chain=[WITNESS, "broadcast"]))
            with s_client(d.address) as one, s_client(d.address) as other:
                one.expect("Verify return code")
                other.expect("Verify return code")
                d.wait_for(r"^connected status=0", 3)
                word = new_word()
                one.say(word)
                other.expect(f"^{word}$")
                echoes(old)
            echoes(old)
            self.assertEqual(old.end(), 0)
            d.wait_for("^generation 1 has ended$")

    def test_who_is_left_after_reload_drain_is_closed_with_that_reason(self):
        config = echo(chain=[WITNESS, "echo"])
        config["reload_drain"] = "1s"
        with Reloading(config) as d, s_client(d.address) as old:
            echoes(old)
            d.reload(lambda _, s: s.update(chain=["broadcast"]))
            d.wait_for("^disconnected status=0 text=the modules of the server were exchanged$")
            self.assertEqual(old.wait(), 0)
            d.wait_for("^generation 1 has ended$")

    def test_an_entry_that_did_not_change_keeps_what_it_knows(self):
        """Its limit is used up, and stays so when another entry changes."""
        limit = {"use": "rate_limit", "new_connections": {"per_address": "2/h", "burst": 2}}
        with Reloading(echo(chain=[limit, "echo"])) as d:
            for _ in range(2):
                with s_client(d.address) as c:
                    echoes(c)
            d.reload(lambda _, s: s.update(chain=[limit, WITNESS, "echo"]))
            with s_client(d.address) as c:
                d.wait_for("refused")
            # Another limit is another instance, and has seen nobody.
            limit["new_connections"]["burst"] = 3
            d.reload(lambda _, s: s.update(chain=[limit, WITNESS, "echo"]))
            with s_client(d.address) as c:
                echoes(c)

    def test_there_and_back_again_is_the_first_chain(self):
        there, back = [WITNESS, "echo"], ["echo", WITNESS]
        with Reloading(echo(chain=there)) as d, s_client(d.address) as c:
            echoes(c)
            for i in range(6):
                d.reload(lambda _, s: s.update(chain=back if i % 2 == 0 else there))
                echoes(c)
            self.assertEqual(c.end(), 0)
            d.wait_for("^generation 6 has ended$")
        self.assertEqual(d.messages("modules of the server were exchanged"), [])

    def test_limits_and_timeouts_hold_for_connections_that_are_open(self):
        with Reloading(echo(chain=[WITNESS, "echo"])) as d, s_client(d.address) as c:
            echoes(c)
            d.reload(lambda _, s: s.update(limits={"connections": 1}))
            with Crafted(d.address) as young:
                young.send(young.hello())
                young.send(young.hello(young.next_message()[1][3:]))
            d.reload(lambda _, s: s.update(idle_timeout="1s"))
            d.wait_for("^disconnected status=110 text=idle timeout$")
            self.assertEqual(c.wait(), 0)
        self.assertGreaterEqual(d.counters["datagrams.connection_limit"], 1)

    def test_a_ticket_of_before_is_good_after(self):
        with Reloading(echo()) as d:
            session = str(d.directory / "session")
            with s_client(d.address, "-sess_out", session) as c:
                c.expect("New, TLSv1.2")
                echoes(c)
                c.end()
            d.reload(lambda _, s: s.update(tls={"certificate": places.cert("server-rsa.pem")}))
            with s_client(d.address, "-sess_in", session) as c:
                c.expect("Reused, TLSv1.2")
                echoes(c)

    def test_the_level_of_the_log_follows(self):
        with Reloading(echo()) as d:
            d.reload(lambda c, _: c["log"].update(level="info"))
            with s_client(d.address) as c:
                echoes(c)
            self.assertEqual(d.messages("^connected: "), [])
            d.reload(lambda c, _: c["log"].update(level="debug"))
            with s_client(d.address) as c:
                echoes(c)
                d.wait_for("^connected: ")

    def test_what_takes_another_start_is_said(self):
        with Reloading(echo()) as d:
            def change(config, server):
                config["workers"] = 2
                server["socket"] = {"dscp": 10}
            d.reload(change)
            self.assertEqual(len(d.messages(r"takes effect with the next start \(/workers\)")), 1)
            self.assertEqual(len(d.messages(r"takes effect with the next start \(/servers/0/socket\)")), 1)


class Reauthorize(unittest.TestCase):
    """dtlsctl reload --reauthorize: the gates are asked about everybody who is in."""

    def ask(self, d, *words):
        return subprocess.run([str(places.BUILD / "dtlsctl"), "-s", str(d.directory / "control.sock"), *words],
                              capture_output=True, text=True, timeout=PATIENCE)

    def open(self, **server):
        d = Reloading(echo(chain=[WITNESS, "echo"]))
        d.config["control"] = {"socket": str(d.directory / "control.sock")}
        d.config["servers"][0].update(server)
        d.write(lambda config, s: None)
        return d

    def test_who_was_taken_off_a_list_is_closed_and_all_others_go_on(self):
        names = [{"subject_cn": "device-1"}, {"subject_cn": "device-2"}]
        tls = {"certificate": places.cert("server.pem"), "authenticate_clients": "required",
               "client_ca": places.cert("ca.crt")}
        chain = [{"use": "cert_access", "allow": names}, WITNESS, "echo"]
        with self.open(tls=tls, chain=chain) as d:
            with s_client(d.address, "-cert", places.cert("client.pem")) as one, \
                    s_client(d.address, "-cert", places.cert("client-2.pem")) as two:
                echoes(one)
                echoes(two)
                d.write(lambda _, s: s["chain"][0].update(allow=names[1:]))
                done = self.ask(d, "reload")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                echoes(one)
                done = self.ask(d, "reload", "--reauthorize")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                d.wait_for("^disconnected status=13 text=the present configuration would not let the client in$")
                self.assertEqual(one.wait(), 0)
                echoes(two)
                self.assertEqual(two.end(), 0)

    def test_an_identity_that_lost_its_key_is_closed(self):
        d = self.open()
        psk = d.directory / "psk"
        psk.write_text("one:00112233445566778899aabbccddeeff\ntwo:00112233445566778899aabbccddeeff\n")
        d.write(lambda _, s: s.update(tls={"psk": str(psk)}))
        key = ["-psk", "00112233445566778899aabbccddeeff", "-cipher", "PSK"]
        with d, s_client(d.address, "-psk_identity", "one", *key) as one, \
                s_client(d.address, "-psk_identity", "two", *key) as two:
            echoes(one)
            echoes(two)
            psk.write_text("two:00112233445566778899aabbccddeeff\n")
            self.assertEqual(self.ask(d, "reload", "--reauthorize").returncode, 0)
            self.assertEqual(one.wait(), 0)
            echoes(two)
            self.assertEqual(two.end(), 0)

    def test_a_reload_that_fails_says_why_and_closes_nobody(self):
        with self.open() as d, s_client(d.address) as c:
            echoes(c)
            d.write(lambda _, s: s.update(chian=[]))
            done = self.ask(d, "reload", "--reauthorize")
            self.assertEqual(done.returncode, 1)
            self.assertIn('unknown key "chian"', done.stderr)
            echoes(c)


class Refused(unittest.TestCase):
    """Nothing changes, and the log says why, with the place."""

    def check(self, change, *expected, chain=("echo",)):
        with Reloading(echo(chain=list(chain))) as d, s_client(d.address) as c:
            echoes(c)
            said = "\n".join(d.refuse(change))
            for pattern in expected:
                self.assertRegex(said, pattern)
            echoes(c)
            with s_client(d.address) as young:
                echoes(young)
            d.reload()
            echoes(c)
            self.assertEqual(c.end(), 0)

    def test_a_typing_error(self):
        self.check(lambda _, s: s.update(chian=[]),
                   r'dtlsd\.json:\d+:\d+: error: unknown key "chian" \(/servers/0/chian\); did you mean "chain"\?')

    def test_a_certificate_that_is_not_there(self):
        self.check(lambda _, s: s.update(tls={"certificate": "nowhere.pem"}), "nowhere.pem: no such file")

    def test_a_module_that_does_not_open(self):
        self.check(lambda _, s: s.update(chain=[places.ill_behaved("open_fails"), "echo"]),
                   "the back-end is on holiday", r"refused to start: open returned .*\(/servers/0/chain/0\)")

    def test_a_module_that_does_not_start_on_a_worker(self):
        self.check(lambda _, s: s.update(chain=[places.ill_behaved("start_fails"), "echo"]),
                   "worker_start returned", "refused")

    def test_other_addresses(self):
        self.check(lambda _, s: s.update(listen=["127.0.0.1:0", "127.0.0.2:0"]),
                   r"other addresses take another start \(/servers/0/listen\)")

    def test_another_server(self):
        self.check(lambda c, s: c["servers"].append({**s, "name": "more"}),
                   r"a new server takes another start \(/servers/1\)")

    def test_a_server_less(self):
        config = echo(name="one")
        config["servers"].append({**config["servers"][0], "name": "two"})
        with Reloading(config) as d:
            self.assertRegex("\n".join(d.refuse(lambda c, _: c["servers"].pop())),
                             r"one server less takes another start \(/servers\)")

    def test_no_file_at_all(self):
        with Reloading(echo()) as d, s_client(d.address) as c:
            os.rename(d.file, d.directory / "away")
            d.send_signal(signal.SIGHUP)
            d.wait_for("^not reloaded")
            echoes(c)
            os.rename(d.directory / "away", d.file)


if __name__ == "__main__":
    parallel.main()

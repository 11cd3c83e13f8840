#!/usr/bin/env python3
"""What a module is told of handshakes, records and errors; paused connections, exported keys."""

import re
import unittest

import parallel
import places
from clients import alert_of, echoes, s_client
from dtlsd import Daemon, echo
from events import parse

OBSERVER = places.module("observer")
DATA = "^record received: application_data"
LABEL = "EXPORTER-dtlsd-test"


def observed(**server):
    return echo(chain=[OBSERVER], **server)


def told(daemon, event):
    found = [parse(line["message"]) for line in daemon.lines() if line.get("module") == "observer"]
    return [e for e in found if e["event"] == event]


def steps(daemon):
    return [int(e["step"]) for e in told(daemon, "status") if e["step"] != "13"]


class Status(unittest.TestCase):
    def test_the_steps_of_a_handshake_and_of_its_end(self):
        with Daemon(observed()) as d, s_client(d.address) as c:
            echoes(c)
            self.assertEqual(c.end(), 0)
            d.wait_for("disconnected")
            self.assertEqual(steps(d), [1, 2, 4, 7, 8, 4, 9, 11, 10])
            self.assertEqual([e["alert"] for e in told(d, "status")][-2:], ["0", "0"])  # close_notify
            self.assertEqual(told(d, "status")[0]["sequence"], "0")
            self.assertFalse([e for e in told(d, "status") if e["step"] == "13"])

    def test_a_handshake_that_fails(self):
        config = observed()
        config["servers"][0]["tls"].update(authenticate_clients="required", client_ca=places.cert("ca.crt"))
        with Daemon(config) as d, s_client(d.address) as c:
            alert = alert_of(c)
            d.wait_for("status step=12")
            self.assertEqual(steps(d), [1, 2, 4, 7, 10, 12])
            sent, failed = told(d, "status")[-2:]
            self.assertEqual((sent["alert"], failed["status"]), (str(alert), "404"))

    def test_records_when_they_are_asked_for(self):
        with Daemon(observed(log={"tls_records": True})) as d, s_client(d.address) as c:
            echoes(c)
            self.assertEqual(c.end(), 0)
            d.wait_for("disconnected")
            records = [e for e in told(d, "status") if e["step"] == "13"]
            data = [e for e in records if e["type"] == "23"]
            self.assertEqual([e["outgoing"] for e in data], ["0", "1"])
            self.assertTrue(all(e["epoch"] == "1" for e in data))
            for epoch in "0", "1":  # without a gap, but for the HelloVerifyRequest
                ours = [int(e["sequence"]) for e in records if e["outgoing"] == "1" and e["epoch"] == epoch]
                self.assertEqual(ours, list(range(ours[0], ours[0] + len(ours))))
            self.assertTrue(d.messages(r"^record received: application_data, epoch 1, sequence \d+, \d+ bytes"))


class Pause(unittest.TestCase):
    def say(self, daemon, client, *lines):
        """Each as a datagram of its own: the next one when the server has got this one."""
        for line in lines:
            count = len(daemon.messages(DATA))
            client.say(line)
            daemon.wait_for(DATA, count + 1)

    def test_what_was_said_meanwhile_comes_in_order_and_once(self):
        with Daemon(observed(log={"tls_records": True})) as d, s_client(d.address) as c:
            echoes(c)
            self.say(d, c, "pause", *(f"line-{i}-of-it" for i in range(5)))
            c.expect("line-4-of-it")
            self.assertEqual(re.findall(r"line-(\d)-of-it", c.text), list("01234"))
            echoes(c)
            self.assertEqual(c.end(), 0)

    def test_more_than_waits_is_dropped_counted_and_told(self):
        config = observed(pause_queue={"datagrams": 2}, log={"tls_records": True})
        with Daemon(config) as d, s_client(d.address) as c:
            echoes(c)
            self.say(d, c, "pause", *(f"line-{i}-of-it" for i in range(4)))
            d.wait_for("error code=105")
            c.expect("line-1-of-it")
            echoes(c)
            self.assertEqual(re.findall(r"line-(\d)-of-it", c.text), list("01"))
            self.assertEqual(c.end(), 0)
            self.assertEqual(len(told(d, "error")), 1)
        self.assertEqual(d.counters["records.paused"], 2)


class Negotiated(unittest.TestCase):
    def test_what_was_negotiated(self):
        with Daemon(observed()) as d, s_client(d.address, "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384:"
                                               "ECDHE-RSA-AES256-GCM-SHA384", "-curves", "P-256") as c:
            echoes(c)
            c.say("info")
            c.expect("DTLSv1.2 AES-256-GCM 256 ECDHE 256")
            self.assertEqual(c.end(), 0)

    def test_an_exported_key_is_the_clients(self):
        options = ["-keymatexport", LABEL, "-keymatexportlen", "16"]
        config = observed()
        config["servers"][0]["tls"]["exporter"] = True
        with Daemon(config) as d, s_client(d.address, *options) as c:
            echoes(c)
            theirs = re.search(r"Keying material: ([0-9A-F]{32})", c.text)[1]
            c.say("exported")
            c.expect(f"^{theirs}")
            self.assertEqual(c.end(), 0)

    def test_without_the_option_it_is_too_late_in_data_in(self):
        with Daemon(observed()) as d, s_client(d.address) as c:
            echoes(c)
            c.say("exported")
            c.expect("^none")
            self.assertEqual(c.end(), 0)


if __name__ == "__main__":
    parallel.main()

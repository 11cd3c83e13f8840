#!/usr/bin/env python3
"""A hundred reloads while clients talk: nobody is disconnected, nothing is lost, memory stays where it is."""

import json
import signal
import threading
import unittest

from load import SMALL, kernel_drops, memory, opened, run, say, server
import places

CLIENTS, DATAGRAMS, RELOADS = (20, 300, 20) if SMALL else (100, 5000, 100)
GROWTH = 8 * 1024 * 1024  # bytes; a generation that were kept would take some hundred KiB
ACCESS = {"use": "ip_access", "allow": ["127.0.0.0/8"], "default": "deny"}


def certificate(config, turn):
    name = "server-rsa.pem" if turn % 8 < 4 else "server.pem"
    config["servers"][0]["tls"]["certificate"] = places.cert(name)


def order(config, turn):
    config["servers"][0]["chain"] = [ACCESS, "echo"] if turn % 8 < 4 else ["echo", ACCESS]


def limits(config, turn):
    config["servers"][0]["limits"] = {"connections": 1000 + turn}


def broken(config, turn):
    config["servers"][0]["chain"] = ["ecko"]


CHANGES = [certificate, order, limits, broken]


class Reload(unittest.TestCase):
    def reload(self, d, turn):
        """True: it was taken."""
        good = json.loads(d.file.read_text())
        config = json.loads(d.file.read_text())
        change = CHANGES[turn % len(CHANGES)]
        change(config, turn)
        d.file.write_text(json.dumps(config))
        d.send_signal(signal.SIGHUP)
        self.taken += change is not broken
        self.refused += change is broken
        d.wait_for("^reloaded$", self.taken)
        d.wait_for("^not reloaded", max(self.refused, 1) if self.refused else 0)
        if change is broken:
            d.file.write_text(json.dumps(good))

    def test_a_hundred_reloads_under_load(self):
        self.taken = self.refused = 0
        with server(chain=["echo", ACCESS], limits={"connections": 1000}) as d:
            report = {}
            load = threading.Thread(target=lambda: report.update(
                run("many_clients", d, clients=CLIENTS, datagrams=DATAGRAMS)))
            load.start()
            for turn in range(RELOADS // 10):
                self.reload(d, turn)
            before = memory(d, "RssAnon")
            for turn in range(RELOADS // 10, RELOADS):
                self.reload(d, turn)
            grown = memory(d, "RssAnon") - before
            load.join()
            dropped = kernel_drops(d)
        say(f"{self.taken} reloads taken and {self.refused} refused while {CLIENTS} clients sent {report['sent']}; "
            f"{report['lost']} lost, {dropped} by the kernel; memory grew by {grown // 1024} KiB")
        self.assertEqual(report["wrong"], 0)
        self.assertLessEqual(report["lost"], dropped + report["kernel_drops"])
        self.assertEqual(opened(d)["connections"], CLIENTS)
        self.assertEqual(d.counters["handshakes_done"], CLIENTS)
        if not SMALL:
            self.assertLess(grown, GROWTH)


if __name__ == "__main__":
    unittest.main()

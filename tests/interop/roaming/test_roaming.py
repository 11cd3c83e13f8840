#!/usr/bin/env python3
"""Clients that change their address with every datagram, over two workers.

test_roaming.py SOURCE-DIRECTORY BUILD-DIRECTORY PROGRAM UNSTEERED [unittest options]
"""

import os
import pathlib
import re
import subprocess
import sys
import unittest

if len(sys.argv) < 5:
    sys.exit(f"usage: {sys.argv[0]} SOURCE-DIRECTORY BUILD-DIRECTORY PROGRAM UNSTEERED [unittest options]")

UNSTEERED = sys.argv.pop(4)
PROGRAM = sys.argv.pop(3)
NOTHING, HEARTBEATS, PATH_CHECKS = 0, 24, 27 # what proves an address: content types
# A sanitizer's runtime wants to be the first library.
NO_STEERING = {"LD_PRELOAD": UNSTEERED, "ASAN_OPTIONS": "verify_asan_link_order=0"}
sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))

import places  # noqa: E402
import wire  # noqa: E402
from dtlsd import Daemon, echo  # noqa: E402
from proxy import Proxy  # noqa: E402


class Roaming(unittest.TestCase):
    def run_clients(self, d, port, datagrams, proof, clients=8):
        """Returns how often they shook hands."""
        done = subprocess.run(
            [PROGRAM], capture_output=True, text=True, timeout=120,
            env={**os.environ, "ROAMING_PORT": str(port), "ROAMING_CLIENTS": str(clients),
                 "ROAMING_DATAGRAMS": str(datagrams), "ROAMING_PROOF": str(proof)})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        handshakes = int(re.search(r"^handshakes=(\d+)$", done.stderr, re.MULTILINE)[1])
        d.wait_for("disconnected: closed by the client", handshakes)
        return handshakes

    def roam(self, datagrams, proof=NOTHING, environment=None, **server):
        config = echo(**server)
        config["workers"] = 2
        with Daemon(config, environment=environment) as d:
            handshakes = self.run_clients(d, d.port, datagrams, proof)
        self.assertEqual(d.counters["handshakes_started"], handshakes)
        self.assertEqual(d.counters["handshakes_done"], handshakes)
        self.assertGreater(d.counters["paths_moved"], datagrams * 0.9)
        self.assertGreaterEqual(d.counters["data_in"], datagrams)
        for reason in "records.replayed", "records.bad_tag", "records.unknown_cid":
            self.assertGreater(d.counters[reason], datagrams / 10)
        return d

    def test_when_addresses_are_trusted(self):
        d = self.roam(10000, connection_id={"enabled": True, "on_move": "trust"})
        self.assertNotIn("heartbeats_asked", d.counters)
        self.assertNotIn("forwarded", d.counters)

    def test_when_addresses_are_proven_by_heartbeats(self):
        d = self.roam(3000, HEARTBEATS, connection_id={"enabled": True})
        self.assertGreater(d.counters["paths_challenged"], 2000)

    def test_when_addresses_are_proven_by_path_checks(self):
        d = self.roam(3000, PATH_CHECKS, connection_id={"enabled": True, "on_move": "trust"})
        self.assertGreater(d.counters["paths_challenged"], 2000)

    def test_when_the_kernel_does_not_steer(self):
        d = self.roam(3000, environment=NO_STEERING, connection_id={"enabled": True, "on_move": "trust"})
        self.assertTrue(d.messages("the kernel does not steer connection ids"))
        self.assertGreater(d.counters["forwarded"], 1000)

    def test_tshark_reads_what_a_client_says_wherever_it_is(self):
        """As far as tshark 4.0 can: it goes by the address before it goes by the id, so it would take one
        client for another that was there before. Hence only one. Its suite is of AES-GCM; of ChaCha20 it
        reads nothing (test_key_log.py). What strangers repeat is shown once more, what they forge is not."""
        d = Daemon()
        log, pcap = d.directory / "keys", d.directory / "pcap"
        tls = {"certificate": places.cert("server.pem"), "key_log_file": str(log)}
        d.configure({**echo(connection_id={"enabled": True}, tls=tls), "workers": 2})
        with d, Proxy(d.address) as p:
            self.run_clients(d, p.port, 200, HEARTBEATS, clients=1)
            p.write_pcap(pcap)
            heard = wire.by_tshark(pcap, p.port, log)
        said = {data for up, kind, data in heard if up and kind == "data"}
        answers = [data for up, kind, data in heard if not up and kind == "data"]
        self.assertEqual(len(answers), d.counters["data_out"])
        self.assertLessEqual(set(answers), said)
        close_notify, request, response = ("alert", (1, 0)), ("heartbeat", (1, 16)), ("heartbeat", (2, 16))
        self.assertLessEqual({(True, *close_notify), (False, *close_notify), (False, *request), (True, *response)},
                             set(heard))


if __name__ == "__main__":
    unittest.main()

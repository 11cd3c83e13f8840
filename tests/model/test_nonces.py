#!/usr/bin/env python3
"""No nonce is used twice: by the core over a simulated bad network, by the daemon with real clients.

test_nonces.py SOURCE-DIRECTORY BUILD-DIRECTORY SIM-PROGRAM [unittest options]
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

if len(sys.argv) < 4:
    sys.exit(f"usage: {sys.argv[0]} SOURCE-DIRECTORY BUILD-DIRECTORY SIM-PROGRAM [unittest options]")

SIM = sys.argv.pop(3)
sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "interop"))

import nonce_audit  # noqa: E402
import places  # noqa: E402
from clients import echoes, gnutls_cli, s_client  # noqa: E402
from dtlsd import Daemon, echo  # noqa: E402
from proxy import APPLICATION_DATA, HANDSHAKE, Proxy, records  # noqa: E402

# Floods seal nothing, torture and a day of keep-alive are long, the tests of the sim's own audit have broken
# servers, and in the rest an attacker speaks with the numbers of a client, or past the link.
LEFT_OUT = ("flood|torture|keep_alive|audit|nonces|incidents|records|restart|restart_attack|restart_end|"
            "state_machine")
HANDSHAKES = "60"  # of each kind, in the tests over a bad network


class Nonces(unittest.TestCase):
    def audit(self, directory):
        done = nonce_audit.audit(places.SOURCE, [directory])
        self.assertIsNotNone(done, "see above")
        self.assertEqual(done.counts["server's without a known key"], 0)
        return done.counts["proven"]

    def test_over_a_simulated_network(self):
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run(
                [SIM, "--jobs", "2", "--filter", f"!({LEFT_OUT})/*"], capture_output=True, text=True,
                env={**os.environ, "SIM_CAPTURES": directory, "SIM_HANDSHAKES": HANDSHAKES})
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertGreater(self.audit(pathlib.Path(directory)), 2000)

    def test_with_real_clients_and_lost_flights(self):
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            tls = {"certificate": [places.cert("server.pem"), places.cert("server-rsa.pem")],
                   "cipher_suites": ["*"], "key_log_file": str(directory / "daemon.keys")}
            with Daemon(echo(tls=tls)) as d:
                for i, connect in enumerate(self.clients()):
                    with Proxy(d.address) as p:
                        p.filter = LastFlightLost(times=i % 3)
                        self.talk(connect(p.address))
                    self.assertEqual(p.filter.times, 0)
                    p.write_pcap(directory / f"{i}.pcap")
            self.assertGreater(self.audit(directory), 100)

    def clients(self):
        for suite in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-CCM",
                      "ECDHE-ECDSA-AES128-CCM8", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA256"):
            yield lambda address, suite=suite: s_client(address, "-cipher", suite)
        yield gnutls_cli

    def talk(self, client):
        with client as c:
            for _ in range(10):
                echoes(c)
            self.assertEqual(c.end(), 0)


class LastFlightLost:
    """Loses the server's ChangeCipherSpec and Finished: the server has to send them again."""

    def __init__(self, times):
        self.times = times

    def __call__(self, up, data):
        sealed = [kind for kind, epoch, _ in records(data) if epoch]
        if up or not self.times or HANDSHAKE not in sealed or APPLICATION_DATA in sealed:
            return [data]
        self.times -= 1
        return []


if __name__ == "__main__":
    unittest.main()

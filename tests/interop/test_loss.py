#!/usr/bin/env python3
"""A network that loses one datagram in ten, each way: in real time, with the timers of real clients.

DT_SEED=… in the environment draws the same losses again.
"""

import contextlib
import os
import secrets
import unittest

import parallel
from clients import gnutls_cli, s_client
from dtlsd import Daemon, echo
from proxy import Proxy

CLIENTS = 100
PERCENT = 10


class Loss(unittest.TestCase):
    def complete(self, connect, done):
        seed = int(os.environ.get("DT_SEED") or f"{secrets.randbits(64)}", 0)
        print(f"DT_SEED={seed:#x}")
        with Daemon(echo()) as d, Proxy(d.address) as p:
            p.lose(PERCENT, seed)
            with contextlib.ExitStack() as clients:
                each = [clients.enter_context(connect(p.address)) for _ in range(CLIENTS)]
                for c in each:
                    c.expect(done)
                for c in each:
                    c.leave()
            self.assertGreater(p.lost, CLIENTS / 2)
        self.assertEqual(d.counters["handshakes_done"], CLIENTS)

    def test_all_of_a_hundred_handshakes_of_openssl_complete(self):
        self.complete(s_client, "Verify return code")

    def test_all_of_a_hundred_handshakes_of_gnutls_complete(self):
        self.complete(gnutls_cli, "Handshake was completed")


if __name__ == "__main__":
    parallel.main()

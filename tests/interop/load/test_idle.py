#!/usr/bin/env python3
"""What a connection costs that does nothing: memory seen from outside, and no SSL object."""

import unittest

from load import SMALL, Standing, memory, opened, run, say, server
import places

CLIENTS = 300 if SMALL else 10000
LIMIT = 2048  # bytes


class Idle(unittest.TestCase):
    def cost(self, **options):
        """Bytes of a connection beyond the first hundred, which pay for what all of them share."""
        with server() as d, Standing(d, clients=100, idle=True, ports=2):
            before = memory(d, "Private_Dirty")
            with Standing(d, clients=CLIENTS, idle=True, **options) as idle:
                each = (memory(d, "Private_Dirty") - before) / CLIENTS
        connections = opened(d)
        self.assertEqual(connections["connections"], 100 + CLIENTS)
        self.assertEqual(connections["ssl_objects"], 0)
        self.assertEqual(connections["handshakes"], 0)
        self.assertEqual(d.counters["handshakes_done"], 100 + CLIENTS)
        return each, idle.report

    def test_an_idle_connection_without_a_last_flight_is_below_2_KiB(self):
        """Who resumes says the last word: nothing of ours is kept for repetition."""
        each, report = self.cost(resume=True)
        say(f"{each / 1024:.2f} KiB for each of {CLIENTS}, {CLIENTS / report['handshake_seconds']:.0f} resumptions/s")
        self.assertEqual(report["resumed"], CLIENTS - 1)
        if not SMALL:
            self.assertLess(each, LIMIT)

    def test_an_idle_connection_with_its_last_flight_is_below_2_KiB_too(self):
        each, report = self.cost()
        say(f"{each / 1024:.2f} KiB for each of {CLIENTS} with the last flight, "
            f"{CLIENTS / report['handshake_seconds']:.0f} handshakes/s")
        self.assertEqual(report["resumed"], 0)
        if not SMALL:
            self.assertLess(each, LIMIT)

    def test_a_connection_with_a_suite_of_OpenSSLs_keeps_its_object(self):
        """That the count of objects counts."""
        cipher = "ECDHE-ECDSA-AES128-SHA256"
        with server(tls={"certificate": places.cert("server.pem"), "cipher_suites": ["*"]}) as d:
            run("many_clients", d, clients=5, datagrams=3, ciphers=cipher)
        self.assertEqual(opened(d), {"connections": 5, "handshakes": 0, "ssl_objects": 5})


if __name__ == "__main__":
    unittest.main()

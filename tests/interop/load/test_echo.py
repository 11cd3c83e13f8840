#!/usr/bin/env python3
"""Many clients talk at once: nothing is lost that the kernel delivered, and the counters add up."""

import unittest

from load import SMALL, kernel_drops, run, say, server

CLIENTS, DATAGRAMS = (50, 500) if SMALL else (500, 10000)


class Echo(unittest.TestCase):
    def test_every_byte_of_many_clients_comes_back_and_is_accounted_for(self):
        say(f"{CLIENTS} clients, {DATAGRAMS} datagrams each")
        with server() as d:
            r = run("many_clients", d, clients=CLIENTS, datagrams=DATAGRAMS, close=True)
            dropped = kernel_drops(d)
        say(f"{CLIENTS / r['handshake_seconds']:.0f} handshakes/s, {r['echoed'] / r['echo_seconds']:.0f} "
            f"echoes/s with {r['cipher']}; the kernel dropped {dropped} + {r['kernel_drops']}")

        self.assertEqual(r["sent"], CLIENTS * DATAGRAMS)
        self.assertEqual(r["wrong"], 0)
        self.assertEqual(r["lost"], r["sent"] - r["echoed"])
        self.assertLessEqual(r["lost"], dropped + r["kernel_drops"])
        c = d.counters
        self.assertEqual(c["handshakes_done"], CLIENTS)
        self.assertEqual(c["connections_closed"], CLIENTS)
        self.assertGreaterEqual(c["data_in"], r["sent"] - dropped)
        self.assertLessEqual(c["data_in"], r["sent"])
        self.assertEqual(c["data_out"], c["data_in"])
        self.assertGreaterEqual(r["echoed"], c["data_out"] - r["kernel_drops"])
        self.assertEqual(d.chain["server1", "echo"]["echoed"], c["data_in"])
        self.assertNotIn("send_failed", c)


if __name__ == "__main__":
    unittest.main()

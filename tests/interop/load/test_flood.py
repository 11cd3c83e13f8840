#!/usr/bin/env python3
"""Hellos of nobody and handshakes without an end: memory stays, answers stay small, and those who
are in are served throughout."""

import unittest

from load import MIB, SMALL, Peak, Standing, kernel_drops, memory, opened, run, say, server

HELLOS, SOURCES, RATE = (20000, 2000, 4000) if SMALL else (1000000, 100000, 100000)
BEGUN, BEGIN_RATE = (2000, 1000) if SMALL else (100000, 15000)
STORM = 1000 if SMALL else 60000
FIRST = 200000  # source number of the attackers: those who are in have lower ones
WATCHERS = 4
PACE = 2000  # us


class Flood(unittest.TestCase):
    def check_watchers(self, r, dropped):
        say(f"those in: {r['echoed']} of {r['sent']} echoes, p50 {r['p50_us']} us, p99 {r['p99_us']} us, "
            f"longest {r['max_us']} us; the kernel dropped {dropped}")
        self.assertGreater(r["echoed"], 0)
        self.assertLessEqual(r["lost"], dropped)

    def flood(self, ports, **limits):
        """`ports`: the fewer addresses, the more hellos from each network."""
        attack = {"sources": SOURCES, "ports": ports, "skip": FIRST, "rate": RATE}
        with server(limits=limits) as d:
            with Standing(d, clients=WATCHERS, watch=PACE) as watchers:
                idle = memory(d)
                # Every source once: what is as large as a table is there now.
                first = run("spoof", d, hellos=SOURCES, **attack)
                warm = memory(d)
                rest = run("spoof", d, hellos=HELLOS - SOURCES, **attack)
                full = memory(d)
            dropped = kernel_drops(d)
        say(f"{HELLOS} hellos from {SOURCES} sources, {(HELLOS - SOURCES) / rest['seconds']:.0f}/s: "
            f"{d.counters['cookies_sent']} answered, {d.counters.get('datagrams.budget', 0)} over the budget; "
            f"memory {(warm - idle) / 1024:+.0f} KiB, then {(full - warm) / 1024:+.0f} KiB")
        self.check_watchers(watchers.report, dropped)
        for r in first, rest:
            self.assertLessEqual(r["received_bytes"], r["sent_bytes"])
            self.assertLessEqual(r["largest_answer"], r["smallest_hello"])
            self.assertEqual(r["others"], 0)
        # A watcher was sent a cookie too, maybe twice.
        answers = first["received"] + rest["received"] + first["kernel_drops"] + rest["kernel_drops"]
        self.assertLessEqual(abs(d.counters["cookies_sent"] - answers), 2 * WATCHERS)
        self.assertEqual(opened(d)["connections"], WATCHERS)
        self.assertEqual(d.counters["handshakes_started"], WATCHERS)
        if not SMALL:
            self.assertLess(warm - idle, 2 * MIB)
            self.assertLess(full - warm, MIB // 4)
        return d.counters

    def test_unproven_hellos_cost_no_memory_and_are_answered_by_less(self):
        counters = self.flood(ports=10, hellos_per_prefix="1000000/s")
        self.assertNotIn("datagrams.budget", counters)

    def test_few_networks_are_held_to_their_budget(self):
        counters = self.flood(ports=50)
        if not SMALL:
            self.assertGreater(counters["datagrams.budget"], HELLOS // 4)

    def test_handshakes_that_never_end_stay_under_the_cap_of_memory(self):
        cap = 64 * MIB
        with server(limits={"handshake_memory": "64MiB", "hellos_per_prefix": "1000000/s"},
                    handshake={"timeout": "3s"}) as d:
            with Standing(d, clients=WATCHERS, watch=PACE) as watchers:
                before = memory(d)
                with Peak(d) as peak:
                    r = run("spoof", d, begin=BEGUN, sources=BEGUN, ports=10, skip=FIRST, rate=BEGIN_RATE)
                # They find every place taken, and get in when the first of the others are given up.
                late = run("many_clients", d, clients=20, datagrams=5)
            dropped = kernel_drops(d)
        c = d.counters
        say(f"{r['begun']} handshakes begun in {r['seconds']:.1f} s: {c['handshakes_started']} had an SSL object, "
            f"{c.get('datagrams.handshake_limit', 0)} found no room; memory {(peak.bytes - before) / MIB:+.1f} MiB, "
            f"cap 64 MiB; new clients got in after {late['handshake_seconds']:.1f} s")
        self.check_watchers(watchers.report, dropped)
        self.assertEqual(late["echoed"], 100)
        self.assertGreater(r["begun"], BEGUN // 2)
        if not SMALL:
            self.assertGreater(c["datagrams.handshake_limit"], 0)
            self.assertLess(peak.bytes - before, cap + 4 * MIB)

    def test_a_storm_of_new_clients_does_not_stall_those_who_are_in(self):
        """More handshakes than the processors can do, and memory for all of them."""
        with server(limits={"handshake_memory": "1GiB", "hellos_per_prefix": "1000000/s"},
                    handshake={"timeout": "1s"}) as d:
            with Standing(d, clients=WATCHERS, watch=PACE) as watchers:
                r = run("spoof", d, begin=STORM, sources=STORM, ports=10, skip=FIRST, rate=STORM)
            dropped = kernel_drops(d)
        c = d.counters
        say(f"{r['begun']} handshakes begun in {r['seconds']:.1f} s: {c['handshakes_started']} had an SSL object, "
            f"{c.get('datagrams.waiting_full', 0)} datagrams found no place to wait")
        self.check_watchers(watchers.report, dropped)
        if not SMALL:
            self.assertLess(watchers.report["max_us"], 1000000)


if __name__ == "__main__":
    unittest.main()

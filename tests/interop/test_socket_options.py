#!/usr/bin/env python3
"""What the options of a socket do, looked at from outside: bits on the wire, fragments, buffers."""

import os
import re
import socket
import subprocess
import sys
import unittest

import parallel
import places
from crafted import FINISHED, HANDSHAKE, Crafted
from dtlsd import PATIENCE, Daemon, echo
from proxy import APPLICATION_DATA, split

LONG = bytes(3000)  # more than a packet of the small network holds
INSIDE = "DTLSD_TEST_SMALL_NETWORK"


def class_of_answer(address, v6):
    """The traffic class (DSCP and ECN) of the packet with a HelloVerifyRequest."""
    with Crafted("127.0.0.1:9") as c:
        hello = c.hello()
    family, level, ask, kind = (socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, socket.IPV6_TCLASS) \
        if v6 else (socket.AF_INET, socket.IPPROTO_IP, socket.IP_RECVTOS, socket.IP_TOS)
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.setsockopt(level, ask, 1)
        s.settimeout(PATIENCE)
        host, port = split(address)
        s.sendto(hello, (host.strip("[]"), port))
        _, ancillary, _, _ = s.recvmsg(2000, 100)
    for found, what, data in ancillary:
        if found == level and what == kind:
            return data[0]
    raise AssertionError(f"no class came with the answer: {ancillary}")


class Class(unittest.TestCase):
    def check(self, listen, dscp, expected):
        options = {} if dscp is None else {"socket": {"dscp": dscp}}
        with Daemon(echo(listen=listen, **options)) as d:
            self.assertEqual(class_of_answer(d.address, "[" in listen), expected << 2)

    def test_a_code_point_stands_in_packets_of_both_families(self):
        self.check("127.0.0.1:0", 46, 46)
        self.check("[::1]:0", 46, 46)

    def test_a_kind_of_traffic_has_its_code_point(self):
        for name, expected in [("best_effort", 0), ("background", 8), ("excellent_effort", 40),
                               ("audio_video", 40), ("voice", 56), ("control", 56)]:
            self.check("127.0.0.1:0", name, expected)

    def test_without_the_option_there_is_none(self):
        self.check("127.0.0.1:0", None, 0)


def long_echo(**options):
    """How often the kernel refused to send, when a client asked for an answer that is too long for one packet."""
    with Daemon(echo(socket=options)) as d, Crafted(d.address) as c:
        c.meet()
        c.send(c.key_exchange(), c.finish())
        while c.wait_for(HANDSHAKE)[1][0] != FINISHED:
            pass
        c.send(c.data(LONG))
        c.send(c.data(b"short"))
        seen = [c.wait_for(APPLICATION_DATA)[1]]
        while seen[-1] != b"short":
            seen.append(c.wait_for(APPLICATION_DATA)[1])
    return d.counters.get("send_failed", 0), seen


class Fragments(unittest.TestCase):
    """On a loopback of its own with packets of 1,400 bytes: this file again, in a network namespace."""

    def check(self, expected, **options):
        if INSIDE in os.environ:
            self.assertEqual(long_echo(**options), expected)
            return
        done = subprocess.run(
            [places.tool("unshare"), "--user", "--map-root-user", "--net", "sh", "-c",
             'ip link set lo up mtu 1400 && exec "$@"', "sh", sys.executable, "-B", __file__,
             str(places.SOURCE), str(places.BUILD), self.id().removeprefix("__main__.")],
            env={**os.environ, INSIDE: "1"}, capture_output=True, text=True, timeout=2 * PATIENCE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_long_datagram_goes_in_fragments(self):
        self.check((0, [LONG, b"short"]))

    def test_with_dont_fragment_it_is_refused_and_counted(self):
        self.check((1, [b"short"]), dont_fragment=True)


class Buffers(unittest.TestCase):
    def granted(self, receive):
        with Daemon(echo(socket={"receive_buffer": receive})) as d:
            line, = d.wait_for("the kernel granted")
        return int(re.search(r"buffers of (\d+) bytes", line)[1])

    def test_what_the_kernel_granted_is_in_the_log(self):
        self.assertEqual(self.granted("64KiB"), 65536)
        self.assertGreater(self.granted("1GiB"), 65536)


if __name__ == "__main__":
    parallel.main()

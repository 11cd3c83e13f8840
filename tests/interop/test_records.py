#!/usr/bin/env python3
"""record_size_limit (RFC 8449) and max_fragment_length (RFC 6066 4) with GnuTLS, which offers both; how
many records a key is good for."""

import unittest

import parallel
from clients import echoes, gnutls_cli, s_client
from dtlsd import Daemon, echo


class RecordSize(unittest.TestCase):
    def play(self, size, extension):
        """The client takes the answer, and a datagram of that length comes back."""
        with Daemon(echo()) as d, gnutls_cli(d.address, "-d", "4", f"--recordsize={size}") as c:
            c.expect(f"Parsing extension '{extension}")
            c.expect("Simple Client Mode")
            line = "x" * (size - 1)  # and its end
            c.say(line)
            c.expect(f"^{line}$")
            self.assertEqual(c.end(), 0)

    def test_the_limit_of_the_client_is_answered(self):
        self.play(700, "Record Size Limit/28")

    def test_a_limit_that_is_a_fragment_length_too_is_answered_by_that(self):
        self.play(512, "Maximum Record Size/1")


class KeyUse(unittest.TestCase):
    """limits.records_per_key"""

    def test_the_end_of_a_key_is_warned_of_and_closes_the_connection(self):
        with Daemon(echo(limits={"records_per_key": 10})) as d, s_client(d.address) as c:
            for _ in range(8):  # the Finished is one, and one is left to say goodbye
                echoes(c)
            d.wait_for("its keys are half used up")
            c.say("one too many")
            self.assertEqual(c.wait(), 0)
            d.wait_for("disconnected: the record numbers or the use of a key came to an end")
        self.assertEqual(d.counters["keys_half_used"], 1)


if __name__ == "__main__":
    parallel.main()

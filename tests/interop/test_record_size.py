#!/usr/bin/env python3
"""record_size_limit (RFC 8449) and max_fragment_length (RFC 6066 4) with GnuTLS, which offers both."""

import unittest

import parallel
from clients import gnutls_cli
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


if __name__ == "__main__":
    parallel.main()

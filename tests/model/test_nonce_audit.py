#!/usr/bin/env python3
"""The audit finds what it is there to find: made captures, right and wrong ones.

test_nonce_audit.py SOURCE-DIRECTORY [unittest options]
"""

import contextlib
import io
import pathlib
import random
import sys
import tempfile
import unittest

import handshake
import keys
import nonce_audit
import pcap
import records
from records import HANDSHAKE, Record

SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
SUITES = {s.name: s for s in keys.suites(SOURCE)}
CLIENT, SERVER = ("10.0.0.1", 40000), ("192.0.2.1", 4433)
GCM, CHACHA = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"


class Wire:
    """A capture in the making."""

    def __init__(self):
        self.datagrams, self.key_log = [], ""

    def up(self, data):
        self.datagrams.append((CLIENT, SERVER, data))

    def down(self, data):
        self.datagrams.append((SERVER, CLIENT, data))

    def connect(self, suite=GCM, logged=True, number=None):
        """Two hellos; returns the keys of client and server."""
        master, client, server = (random.randbytes(n) for n in (48, 32, 32))
        number = number or SUITES[suite].number
        hello = b"\xfe\xfd" + client + bytes(2)
        answer = b"\xfe\xfd" + server + b"\0" + number.to_bytes(2, "big") + b"\0"
        self.up(bytes(Record(HANDSHAKE, 0xfeff, 0, 0, handshake.message(1, 0, hello))))
        self.down(bytes(Record(HANDSHAKE, 0xfefd, 0, 0, handshake.message(2, 0, answer))))
        if logged:
            self.key_log += f"CLIENT_RANDOM {client.hex()} {master.hex()}\n"
        return keys.derive(SUITES[suite], master, client, server)


def seal(k, seq, plain, explicit=None):
    return records.seal(k, records.APPLICATION_DATA, 1, seq, plain, explicit=explicit)


class NonceAudit(unittest.TestCase):
    def judge(self, wire):
        """(whether it passed, what was said)"""
        said = io.StringIO()
        with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(said):
            directory = pathlib.Path(name)
            pcap.write(directory / "made.pcap", wire.datagrams)
            (directory / "made.keys").write_text(wire.key_log)
            passed = nonce_audit.audit(SOURCE, [directory]) is not None
        return passed, said.getvalue()

    def accepted(self, wire, said):
        passed, text = self.judge(wire)
        self.assertTrue(passed, text)
        self.assertIn(said, text)

    def refused(self, wire, said):
        passed, text = self.judge(wire)
        self.assertFalse(passed, text)
        self.assertIn(said, text)

    def test_each_number_once_is_right(self):
        for suite in (GCM, CHACHA):
            wire = Wire()
            client, server = wire.connect(suite)
            for i in range(5):
                wire.up(seal(client, i, b"question"))
                wire.down(seal(server, i, b"answer") + seal(server, 100 + i, b"more"))
            self.accepted(wire, "15 proven; 15 sealed")

    def test_a_number_twice_is_found(self):
        for suite in (GCM, CHACHA):
            for side in (0, 1):
                wire = Wire()
                k = wire.connect(suite)[side]
                for data in (b"one", b"two"):
                    (wire.up, wire.down)[side](seal(k, 7, data))
                self.refused(wire, f"the {('client', 'server')[side]} uses number 7 of epoch 1 again")

    def test_a_number_twice_in_one_datagram_is_found(self):
        wire = Wire()
        server = wire.connect()[1]
        wire.down(seal(server, 7, b"one") + seal(server, 7, b"two"))
        self.refused(wire, "number 7")

    def test_an_explicit_nonce_under_two_numbers_is_found(self):
        wire = Wire()
        server = wire.connect()[1]
        for i in range(2):
            wire.down(seal(server, i, b"text", explicit=b"constant"))
        self.refused(wire, "explicit nonce 636f6e7374616e74")

    def test_the_same_bytes_twice_are_one_record(self):
        wire = Wire()
        client, server = wire.connect()
        for _ in range(2):
            wire.up(seal(client, 0, b"question"))
            wire.down(seal(server, 0, b"answer"))
        self.accepted(wire, "2 seen again")

    def test_a_new_handshake_has_new_numbers(self):
        """Of the same address; records of the old keys come late."""
        wire = Wire()
        old = wire.connect()[1]
        wire.down(seal(old, 0, b"old"))
        new = wire.connect()[1]
        wire.down(seal(new, 0, b"new") + seal(old, 1, b"late"))
        self.accepted(wire, "3 proven")
        wire.down(seal(old, 1, b"twice"))
        self.refused(wire, "number 1")

    def test_forged_records_do_not_count(self):
        wire = Wire()
        client, _ = wire.connect()
        good = seal(client, 0, b"question")
        wire.up(good)
        wire.up(good[:-1] + bytes([good[-1] ^ 1]))
        self.accepted(wire, "1 forged")

    def test_without_the_key_numbers_still_count(self):
        for given in ({"logged": False}, {"number": 0xc023}):
            wire = Wire()
            server = wire.connect(**given)[1]
            wire.key_log = ""
            for data in (b"one", b"one", b"two"):
                wire.down(seal(server, 7, data))
            self.refused(wire, "the server uses number 7")

    def test_a_capture_that_shows_nothing_is_refused(self):
        wire = Wire()
        self.refused(wire, "nothing is shown")
        wire.connect()
        self.refused(wire, "nothing is shown")

    def test_a_key_log_of_others_is_refused(self):
        wire, other = Wire(), Wire()
        server = wire.connect(logged=False)[1]
        other.connect()
        wire.down(seal(server, 0, b"text"))
        wire.key_log = other.key_log
        self.refused(wire, "no record opens with the key log")


if __name__ == "__main__":
    unittest.main()

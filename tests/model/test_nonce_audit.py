#!/usr/bin/env python3
"""The audit finds what it is there to find: made captures, right and wrong ones.

test_nonce_audit.py SOURCE-DIRECTORY [unittest options]
"""

import contextlib
import io
import pathlib
import random
import struct
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

    def up(self, data, client=CLIENT):
        self.datagrams.append((client, SERVER, data))

    def down(self, data, client=CLIENT):
        self.datagrams.append((SERVER, client, data))

    def connect(self, suite=GCM, logged=True, number=None, ids=None, cut=None):
        """Two hellos; returns the keys of client and server. `ids`: of client and server; `cut`: where the
        client's hello is cut into fragments."""
        master, client, server = (random.randbytes(n) for n in (48, 32, 32))
        number = number or SUITES[suite].number
        offered, given = (connection_id(cid) for cid in ids or (None, None))
        hello = b"\xfe\xfd" + client + bytes(2) + b"\0\2\xc0\x2b\1\0" + offered
        answer = b"\xfe\xfd" + server + b"\0" + number.to_bytes(2, "big") + b"\0" + given
        for at, end in ((0, cut), (cut, len(hello))) if cut else ((0, len(hello)),):
            part = handshake.fragment(1, 0, len(hello), at, hello[at:end])
            self.up(bytes(Record(HANDSHAKE, 0xfeff, 0, at, part)))
        self.down(bytes(Record(HANDSHAKE, 0xfefd, 0, 0, handshake.message(2, 0, answer))))
        if logged:
            self.key_log += f"CLIENT_RANDOM {client.hex()} {master.hex()}\n"
        return keys.derive(SUITES[suite], master, client, server)


def connection_id(cid):
    """All extensions of a hello: none, or this one."""
    if cid is None:
        return b""
    return struct.pack("!HHHB", 5 + len(cid), nonce_audit.CONNECTION_ID, 1 + len(cid), len(cid)) + cid


def seal(k, seq, plain, explicit=None, cid=b""):
    return records.seal(k, records.APPLICATION_DATA, 1, seq, plain, explicit=explicit, cid=cid)


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

    def test_connection_ids_are_learnt_from_the_hellos(self):
        for suite in (GCM, CHACHA):
            for ids in (b"client's", b"8 bytes!"), (b"c", b"a long id of a server"), (b"", b"8 bytes!"), (b"cl", b""):
                wire = Wire()
                client, server = wire.connect(suite, ids=ids, cut=20)
                for i in range(3):
                    wire.up(seal(client, i, b"question", cid=ids[1]) + seal(client, 10 + i, b"two", cid=ids[1]))
                    wire.down(seal(server, i, b"answer", cid=ids[0]))
                carry = 6 * bool(ids[1]) + 3 * bool(ids[0])
                self.accepted(wire, f"9 proven; 9 sealed; {carry} with a connection id")

    def test_a_number_twice_is_found_wherever_it_comes_from(self):
        """Two clients have the same id, a third one of no bytes."""
        ids = (b"same", b"server 1"), (b"same", b"server 2"), (b"", b"server 3")
        for which in range(3):
            for side in (0, 1):
                wire = Wire()
                k = [wire.connect(ids=each)[side] for each in ids]
                for data, host in (b"one", "10.0.0.8"), (b"two", "10.0.0.9"):
                    cid = ids[which][1 - side]
                    (wire.up, wire.down)[side](seal(k[which], 7, data, cid=cid), (host, 1))
                self.refused(wire, f"the {('client', 'server')[side]} uses number 7 of epoch 1 again")

    def test_an_id_of_nobody_is_passed_over(self):
        wire = Wire()
        client, _ = wire.connect(ids=(b"client's", b"8 bytes!"))
        wire.up(seal(client, 1, b"right", cid=b"8 bytes!") + seal(client, 1, b"wrong", cid=b"9 bytes!!"))
        self.accepted(wire, "1 proven; 1 sealed")

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

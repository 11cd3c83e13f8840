#!/usr/bin/env python3
"""Looks in captures for a record number or a nonce that was used twice with one key.

    nonce_audit.py SOURCE-DIRECTORY PATH...

A PATH is a capture (*.pcap), a key log in the NSS format (any other name), or a directory of
such. It prints how many records it read, and exits with 1 when one of them breaks the rule, when
there is none, or when there is a key log and no record opens with it.

The rule, for each key and direction: no record number, and no nonce, stands twice with different
bytes. The same bytes twice are one record that was sent or seen twice.

Whose key it was is proven by opening the record, where the key log knows the connection: then it
does not matter how many handshakes came from an address, and what others forged does not count.
Where it does not (or the suite is no AEAD), the records of an address between two ServerHellos
with different randoms are taken for one connection.

How long a connection id is (RFC 9146) does not stand in the records that carry it: both are learnt
from the hellos in the capture. Records with an id are looked up by it, whatever address they come from.
"""

import collections
import pathlib
import struct
import sys

import handshake
import keys
import pcap
import records

CLIENT_HELLO, SERVER_HELLO = 1, 2
CONNECTION_ID = 54  # the extension


class KeyLog:
    def __init__(self):
        self.masters = {}  # client random -> master secret

    def read(self, path):
        for line in path.read_text().splitlines():
            words = line.split()
            if len(words) == 3 and words[0] == "CLIENT_RANDOM":
                self.masters[bytes.fromhex(words[1])] = bytes.fromhex(words[2])


class Hello:
    """A ClientHello or ServerHello, as far as it matters here."""

    def __init__(self, kind, body):
        self.random, self.cid = body[2:34], None
        at = 35 + body[34]
        if kind == CLIENT_HELLO:
            at += 1 + body[at]  # cookie
            at += 2 + int.from_bytes(body[at:at + 2], "big")
            at += 1 + body[at]  # compression methods
        else:
            self.suite = int.from_bytes(body[at:at + 2], "big")
            at += 3
        at += 2  # of all extensions together
        while at + 4 <= len(body):
            kind, length = struct.unpack_from("!HH", body, at)
            if kind == CONNECTION_ID:
                self.cid = body[at + 5:at + 4 + length]
            at += 4 + length


class Connection:
    """One handshake that a ServerHello tells of, and the keys that may follow from it."""

    def __init__(self, pair, suite, hello):
        self.pair, self.suite, self.server_random, self.keys = pair, suite, hello.random, None
        both = hello.cid is not None and pair.cid is not None
        self.ids = (pair.cid, hello.cid) if both else (None, None)  # [up]: in records to whom it belongs


class Pair:
    """A client's and a server's address, and what has passed between them."""

    def __init__(self, client):
        self.client, self.client_randoms, self.connections = client, [], []
        self.cid = None  # of the last ClientHello
        self._parts = {}  # (up, message_seq) -> {offset: bytes}

    def hello(self, up, data):
        """The hello that this fragment completes, or None."""
        parsed, _ = handshake.read(data)
        if parsed is None or parsed[0] != (CLIENT_HELLO if up else SERVER_HELLO):
            return None
        kind, seq, length, offset, body = parsed
        parts = self._parts.setdefault((up, seq), {})
        if offset == 0 and parts.get(0, body)[2:34] != body[2:34]:
            parts.clear()  # another handshake
        parts[offset] = body
        whole = b""
        for at in sorted(parts):
            whole = whole[:at] + parts[at]
        try:
            return Hello(kind, whole) if len(whole) == length else None
        except IndexError:
            return None  # malformed, as some tests send them


class Audit:
    def __init__(self, suites, key_log):
        self._suites, self._masters = {s.number: s for s in suites}, key_log.masters
        self._used = collections.defaultdict(dict)  # key -> {number or nonce: (record, where)}
        self.counts = collections.Counter()
        self.faults = []

    def read(self, path):
        self._pairs = {}  # addresses of another capture are other connections
        self._servers = set()
        self._by_id = ({}, {})  # [up]: id -> connections, an id of no bytes included
        for at, (source, target, payload) in enumerate(pcap.read(path), 1):
            self.counts["datagrams"] += 1
            up = source not in self._servers
            for verdict, record in records.split(payload, lambda rest: self._cid_len(up, rest)):
                if verdict == "ok":
                    self._record(f"{path.name}, datagram {at}", source, target, record)

    def _cid_len(self, up, rest):
        """The longest that is known: one id may begin with another."""
        lengths = {len(cid) for cid in self._by_id[up]}
        return next((n for n in sorted(lengths, reverse=True) if n and rest[:n] in self._by_id[up]), None)

    def _record(self, where, source, target, record):
        pair = self._pairs.get(frozenset((source, target)))
        if record.epoch:
            self._sealed(where, pair, source not in self._servers, record)
        elif record.kind == records.HANDSHAKE:
            self._hello(pair, source, target, record.body)

    def _hello(self, pair, source, target, data):
        up = source not in self._servers and (pair is None or source == pair.client)
        if pair is None and data[:1] == bytes([CLIENT_HELLO]):
            pair = self._pairs[frozenset((source, target))] = Pair(source)
        hello = pair.hello(up, data) if pair else None
        if hello and up:
            add_new(pair.client_randoms, hello.random)
            pair.cid = hello.cid
        elif hello and hello.random not in [c.server_random for c in pair.connections]:
            self._servers.add(source)
            connection = Connection(pair, self._suites.get(hello.suite), hello)
            pair.connections.append(connection)
            for way, cid in enumerate(connection.ids):
                if cid is not None:
                    self._by_id[way].setdefault(cid, []).append(connection)

    def _candidates(self, pair, up, record):
        """The connections that it may be of, the likely ones first."""
        if record.kind == records.TLS12_CID:
            return self._by_id[up][record.cid][::-1]
        return (pair.connections[::-1] if pair else []) + self._by_id[up].get(b"", [])[::-1]

    def _sealed(self, where, pair, up, record):
        self.counts["sealed"] += 1
        self.counts["with a connection id"] += record.kind == records.TLS12_CID
        candidates = self._candidates(pair, up, record)
        if not candidates:
            self.counts["without a handshake"] += 1
            return
        unknown = []
        for connection in candidates:
            side = self._side(connection, up, record)
            if side:
                self.counts["proven"] += 1
                key = (connection.server_random, up, record.epoch)
                self._use(key, ("number", record.seq), record, where)
                if side.suite.explicit_len:
                    self._use(key, ("explicit nonce", record.body[:8].hex()), record, where)
                return
            if connection.keys is None:
                unknown.append(connection)
        if unknown:
            kind = "of no AEAD" if unknown[0].suite is None else "without a known key"
            self.counts[f"{'client' if up else 'server'}'s {kind}"] += 1
            key = (unknown[0].server_random, up, record.epoch)
            self._use(key, ("number", record.seq), record, where)
        else:
            self.counts["forged"] += 1

    def _side(self, connection, up, record):
        """The keys that open the record, or None."""
        if connection.suite is None:
            return None
        if connection.keys:
            sides = [connection.keys]
        else:
            sides = [keys.derive(connection.suite, self._masters[r], r, connection.server_random)
                     for r in connection.pair.client_randoms if r in self._masters]
        for both in sides:
            side = both[0 if up else 1]
            if records.open_record(side, record)[0] == "ok":
                connection.keys = both
                return side
        return None

    def _use(self, key, what, record, where):
        before = self._used[key].get(what)
        if before is None:
            self._used[key][what] = bytes(record), where
            return
        if before[0] == bytes(record):
            self.counts["seen again"] += what[0] == "number"
            return
        self.faults.append(f"{where}: {'the client' if key[1] else 'the server'} uses {what[0]} {what[1]} of "
                           f"epoch {key[2]} again, with other bytes than in {before[1]}")

    def report(self, expects_keys):
        told = "".join(f"; {n} {what}" for what, n in sorted(self.counts.items()) if what != "datagrams")
        print(f"{self.counts['datagrams']} datagrams, {len(self._used)} keys{told}")
        if not self.counts["sealed"]:
            self.faults.append("no record of an epoch with keys was read: nothing is shown by that")
        elif expects_keys and not self.counts["proven"]:
            self.faults.append("no record opens with the key log: it is of other connections")
        print("\n".join(self.faults[:50]), end="\n" if self.faults else "")
        return not self.faults


def add_new(items, item):
    if item not in items:
        items.append(item)


def audit(source, paths):
    """Prints; returns the Audit, or None when something is wrong."""
    files = [f for p in paths for f in (sorted(p.iterdir()) if p.is_dir() else [p])]
    key_log = KeyLog()
    for path in files:
        if path.suffix != ".pcap":
            key_log.read(path)
    done = Audit(keys.suites(source), key_log)
    for path in files:
        if path.suffix == ".pcap":
            done.read(path)
    return done if done.report(bool(key_log.masters)) else None


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(f"usage: {sys.argv[0]} SOURCE-DIRECTORY PATH...")
    directory, *given = map(pathlib.Path, sys.argv[1:])
    sys.exit(0 if audit(directory, given) else 1)

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
"""

import collections
import pathlib
import sys

import handshake
import keys
import pcap
import records

CLIENT_HELLO, SERVER_HELLO = 1, 2


class KeyLog:
    def __init__(self):
        self.masters = {}  # client random -> master secret

    def read(self, path):
        for line in path.read_text().splitlines():
            words = line.split()
            if len(words) == 3 and words[0] == "CLIENT_RANDOM":
                self.masters[bytes.fromhex(words[1])] = bytes.fromhex(words[2])


class Connection:
    """One handshake that a ServerHello tells of, and the keys that may follow from it."""

    def __init__(self, server_random, suite):
        self.server_random, self.suite, self.keys = server_random, suite, None


class Pair:
    """A client's and a server's address, and what has passed between them."""

    def __init__(self, client):
        self.client, self.client_randoms, self.connections = client, [], []


class Audit:
    def __init__(self, suites, key_log):
        self._suites, self._masters = {s.number: s for s in suites}, key_log.masters
        self._pairs = {}
        self._used = collections.defaultdict(dict)  # key -> {number or nonce: (record, where)}
        self.counts = collections.Counter()
        self.faults = []

    def read(self, path):
        self._pairs = {}  # addresses of another capture are other connections
        for at, (source, target, payload) in enumerate(pcap.read(path), 1):
            self.counts["datagrams"] += 1
            for verdict, record in records.split(payload):
                if verdict == "ok":
                    self._record(f"{path.name}, datagram {at}", source, target, record)

    def _record(self, where, source, target, record):
        pair = self._pairs.get(frozenset((source, target)))
        if record.epoch:
            self._sealed(where, pair, source, record)
            return
        if record.kind != records.HANDSHAKE:
            return
        parsed, _ = handshake.read(record.body)
        if parsed is None or parsed[3] != 0:
            return
        kind, body = parsed[0], parsed[4]
        if kind == CLIENT_HELLO:
            pair = self._pairs.setdefault(frozenset((source, target)), Pair(source))
            add_new(pair.client_randoms, body[2:34])
        elif kind == SERVER_HELLO and pair and source != pair.client:
            self._server_hello(pair, body)

    def _server_hello(self, pair, body):
        behind = 35 + body[34] if len(body) > 34 else 0
        number = int.from_bytes(body[behind:behind + 2], "big")
        if body[2:34] not in [c.server_random for c in pair.connections]:
            pair.connections.append(Connection(body[2:34], self._suites.get(number)))

    def _sealed(self, where, pair, source, record):
        self.counts["sealed"] += 1
        if pair is None:
            self.counts["without a handshake"] += 1
            return
        up = source == pair.client
        unknown = []
        for connection in reversed(pair.connections):
            side = self._side(pair, connection, up, record)
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

    def _side(self, pair, connection, up, record):
        """The keys that open the record, or None."""
        if connection.suite is None:
            return None
        if connection.keys:
            sides = [connection.keys]
        else:
            sides = [keys.derive(connection.suite, self._masters[r], r, connection.server_random)
                     for r in pair.client_randoms if r in self._masters]
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

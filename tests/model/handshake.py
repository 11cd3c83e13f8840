"""Handshake messages, their fragments, and how they become whole again.

Written from RFC 6347 4.2.2 and 4.2.3. A message is its header of 12 bytes, as one fragment, and
its body. Where the RFC is silent the model says what was chosen: of two fragments that claim the
same byte the first is believed, a message_seq more than 8 ahead is dropped, and so is a fragment
that gives a message another type or length than it had from the first fragment that was of use.
"""

import struct

AHEAD = 8
HEADER = 12
LAST = 0xffff  # is never taken: nothing could follow it


def uint24(n):
    return n.to_bytes(3, "big")


def fragment(kind, seq, length, offset, body):
    return struct.pack("!B", kind) + uint24(length) + struct.pack("!H", seq) + uint24(offset) \
        + uint24(len(body)) + body


def message(kind, seq, body):
    return fragment(kind, seq, len(body), 0, body)


def read(data):
    """(kind, seq, length, offset, body), or None when it is malformed; the rest of the bytes."""
    if len(data) < HEADER:
        return None, data
    kind, seq = data[0], int.from_bytes(data[4:6], "big")
    length, offset, size = (int.from_bytes(data[i:i + 3], "big") for i in (1, 6, 9))
    body = data[HEADER:HEADER + size]
    if len(body) < size or offset + size > length:
        return None, data
    return (kind, seq, length, offset, body), data[HEADER + size:]


class Reassembly:
    def __init__(self, next_seq=0):
        self.next_seq = next_seq
        self._partial = {}  # seq -> (kind, length, {place: byte})

    def add(self, data):
        """The verdict, and the whole messages that can be given out now."""
        parsed, rest = read(data)
        if parsed is None:
            return "malformed", []
        if rest:
            return "trailing", []
        verdict = self._store(*parsed)
        return verdict, list(self._take())

    def _store(self, kind, seq, length, offset, body):
        if seq < self.next_seq:
            return "repeated"
        if seq > self.next_seq + AHEAD or seq == LAST:
            return "ahead"
        if length and not body and seq not in self._partial:
            return "stored"  # it brings nothing, so it decides nothing
        known = self._partial.setdefault(seq, (kind, length, {}))
        if known[:2] != (kind, length):
            return "conflict"
        for place, byte in enumerate(body, offset):
            known[2].setdefault(place, byte)
        return "stored"

    def _take(self):
        while self.next_seq in self._partial:
            kind, length, places = self._partial[self.next_seq]
            if len(places) < length:
                return
            del self._partial[self.next_seq]
            yield message(kind, self.next_seq, bytes(places[i] for i in range(length)))
            self.next_seq += 1

"""Records of DTLS 1.2: framing, sealing and opening, the window of numbers.

Written from RFC 6347 4.1, RFC 5246 6.2, RFC 5288 3, RFC 6655 3, RFC 7905 2, RFC 9146 4 and 5. Slow and
simple: a window is the set of all numbers that were ever accepted.
"""

import struct

from cryptography.exceptions import InvalidTag

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA, HEARTBEAT, TLS12_CID = range(20, 26)
CID_LEN = 8  # of every connection id that the server gives out; it stands before the length (RFC 9146 4)
DTLS_10, DTLS_12 = 0xfeff, 0xfefd
PLAIN_MAX = 2 ** 14
CIPHER_MAX = 2 ** 14 + 2048
LAST = 2 ** 48 - 1
WINDOW = 64


class Record:
    def __init__(self, kind, version, epoch, seq, body, cid=b""):
        self.kind, self.version, self.epoch, self.seq, self.body = kind, version, epoch, seq, body
        self.cid = cid  # stands in the record when that is of kind TLS12_CID

    @property
    def number(self):
        """epoch || seq: the 64-bit number of DTLS."""
        return struct.pack("!Q", self.epoch << 48 | self.seq)

    def header(self, length):
        return struct.pack("!BH", self.kind, self.version) + self.number + self.cid + struct.pack("!H", length)

    def __bytes__(self):
        return self.header(len(self.body)) + self.body


def split(datagram, cid_len=lambda rest: CID_LEN):
    """Yields (verdict, Record or None): ok, skip (go on behind it), bad (the rest is lost). `cid_len` tells
    how long the connection id is that begins there, None when it is nobody's."""
    while datagram:
        length = cid_len(datagram[11:]) if datagram[0] == TLS12_CID else 0
        head = 13 + (length or 0)
        if length is None or len(datagram) < head:
            yield "bad", None
            return
        kind, version, number = struct.unpack("!BHQ", datagram[:11])
        length, = struct.unpack("!H", datagram[head - 2:head])
        if length > len(datagram) - head:
            yield "bad", None
            return
        record = Record(kind, version, number >> 48, number & LAST, datagram[head:head + length],
                        datagram[11:head - 2])
        datagram = datagram[head + length:]
        known = CHANGE_CIPHER_SPEC <= kind <= TLS12_CID
        fits = version >> 8 == 0xfe and length <= CIPHER_MAX
        yield ("ok", record) if known and fits else ("skip", None)


def looks_like_dtls(datagram):
    return len(datagram) >= 13 and CHANGE_CIPHER_SPEC <= datagram[0] <= TLS12_CID and datagram[1] == 0xfe


def nonce(keys, record, explicit):
    if keys.suite.explicit_len:
        return keys.iv + explicit
    padded = bytes(4) + record.number
    return bytes(a ^ b for a, b in zip(keys.iv, padded))


def additional(record, length):
    """Number, type, version and the length of the plaintext (RFC 5246 6.2.3.3); RFC 9146 5 with an id."""
    if record.kind == TLS12_CID:
        return b"\xff" * 8 + struct.pack("!BBBH", TLS12_CID, len(record.cid), TLS12_CID, record.version) \
            + record.number + record.cid + struct.pack("!H", length)
    return record.number + struct.pack("!BHH", record.kind, record.version, length)


def seal(keys, kind, epoch, seq, plain, explicit=None, version=DTLS_12, cid=b""):
    """A whole record. `explicit`: another choice than the number, as some peers make it. With a `cid` the
    real type goes behind the plaintext."""
    if cid:
        kind, plain = TLS12_CID, plain + bytes([kind])
    record = Record(kind, version, epoch, seq, b"", cid)
    chosen = (explicit or record.number) if keys.suite.explicit_len else b""
    record.body = chosen + keys.aead.encrypt(
        nonce(keys, record, chosen), plain, additional(record, len(plain)))
    return bytes(record)


def open_record(keys, record):
    """(verdict, plaintext or None): ok, short, long, forged. Of a record with an id: its inner plaintext."""
    suite = keys.suite
    length = len(record.body) - suite.around
    if length < 0:
        return "short", None
    if length > PLAIN_MAX:
        return "long", None
    explicit, sealed = record.body[:suite.explicit_len], record.body[suite.explicit_len:]
    try:
        plain = keys.aead.decrypt(nonce(keys, record, explicit), sealed, additional(record, length))
    except InvalidTag:
        return "forged", None
    return "ok", plain


def open_datagram(keys, datagram):
    """What becomes of its first record."""
    verdict, record = next(split(datagram), ("end", None))
    return open_record(keys, record) if verdict == "ok" else (verdict, None)


class Window:
    """RFC 6347 4.1.2.6, as a set."""

    def __init__(self):
        self._accepted = set()

    def check(self, seq):
        if self._accepted and seq <= max(self._accepted) - WINDOW:
            return "O"
        return "S" if seq in self._accepted else "F"

    def commit(self, seq):
        self._accepted.add(seq)
        # What lies behind the window is refused whatever the set says.
        self._accepted = {s for s in self._accepted if s > max(self._accepted) - WINDOW}


class Session:
    """The reading side of one epoch."""

    def __init__(self, keys):
        self.keys, self.window, self.forgeries = keys, Window(), 0

    def input(self, record):
        seen = {"O": "old", "S": "seen"}.get(self.window.check(record.seq))
        if seen:
            return seen
        verdict, plain = open_record(self.keys, record)
        if verdict == "forged":
            self.forgeries += 1
            return verdict
        if verdict != "ok":
            return "malformed"
        self.window.commit(record.seq)
        return "opened:" + (plain.hex() or "-")

"""ClientHello, cookie and HelloVerifyRequest.

The hello is written from RFC 5246 7.4.1.2 and 7.4.1.4, RFC 6347 4.2.1, RFC 6066 3, RFC 7301 3.1,
RFC 8422 5.1, RFC 6520 2, RFC 7366 2, RFC 7627 5.1, RFC 9146 3. The cookie and the fingerprint are
dtlsd's own (cookie.h, hello.h): the model pins their bytes, since processes of different
versions have to agree on them.
"""

import hashlib
import hmac
import struct

from handshake import message
from records import DTLS_10, HANDSHAKE, Record

SERVER_NAME, GROUPS, SCHEMES, HEARTBEAT, ALPN, PADDING = 0, 10, 13, 15, 16, 21
ENCRYPT_THEN_MAC, EXTENDED_MASTER_SECRET, TICKET, CONNECTION_ID = 22, 23, 35, 54
OCCASIONAL = {SERVER_NAME, PADDING, 41, 42, 44}
HOST_CHARACTERS = set(b"abcdefghijklmnopqrstuvwxyz0123456789.-_")
GREASE = {n << 8 | n for n in range(0x0a, 0x100, 0x10)}
SUITES_MAX = 256
COOKIE_LEN = 20
GENERATION = 60  # seconds


class Malformed(Exception):
    pass


def need(condition):
    if not condition:
        raise Malformed


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        need(n <= len(self.data))
        taken, self.data = self.data[:n], self.data[n:]
        return taken

    def number(self, n):
        return int.from_bytes(self.take(n), "big")

    def vector(self, n, least=0):
        body = self.take(self.number(n))
        need(len(body) >= least)
        return body


def vector(n, body):
    return len(body).to_bytes(n, "big") + body


def whole_vector(body, n, least):
    """A vector with nothing behind it."""
    r = Reader(body)
    inner = r.vector(n, least)
    need(not r.data)
    return inner


def numbers(body):
    need(len(body) >= 2 and len(body) % 2 == 0)
    return list(struct.unpack(f"!{len(body) // 2}H", body))


class Hello:
    """Reads a whole hello. `verdict` is ok, malformed or version; the rest holds only for ok."""

    def __init__(self, data):
        self.name, self.alpn = b"", b""
        self.groups, self.schemes, self.extensions = [], [], {}
        try:
            self.verdict = self._read(Reader(data))
        except Malformed:
            self.verdict = "malformed"

    def _read(self, r):
        read_head(self, r)
        # The numbers of DTLS are the ones' complement of the version's: later ones are smaller.
        if self.version >> 8 != 0xfe or self.version > 0xfefd:
            return "version"
        self.suites = numbers(r.vector(2))
        need(0 in r.vector(1, least=1))
        if r.data:
            self._read_extensions(Reader(whole_vector(r.data, 2, 0)))
        return "ok"

    def _read_extensions(self, r):
        while r.data:
            kind, body = r.number(2), r.vector(2)
            need(kind not in self.extensions)
            self.extensions[kind] = body
        for kind, body in self.extensions.items():
            self._read_extension(kind, body)

    def _read_extension(self, kind, body):
        if kind == SERVER_NAME:
            self._read_names(Reader(whole_vector(body, 2, 1)))
        elif kind == ALPN:
            r = Reader(whole_vector(body, 2, 1))
            while r.data:
                r.vector(1, least=1)
            self.alpn = body
        elif kind == GROUPS:
            self.groups = numbers(whole_vector(body, 2, 2))
        elif kind == SCHEMES:
            self.schemes = numbers(whole_vector(body, 2, 2))
        elif kind == HEARTBEAT:
            need(len(body) == 1)
        elif kind in (ENCRYPT_THEN_MAC, EXTENDED_MASTER_SECRET):
            need(not body)
        elif kind == CONNECTION_ID:
            whole_vector(body, 1, 0)

    def _read_names(self, r):
        hosts = []
        while r.data:
            kind, name = r.number(1), r.vector(2)
            if kind == 0:
                need(1 <= len(name) <= 255)
                hosts.append(name.lower())
        need(len(hosts) <= 1)
        if hosts and set(hosts[0]) <= HOST_CHARACTERS:
            self.name = hosts[0]

    def offers(self):
        return "".join(str(int(kind in self.extensions)) for kind in (
            CONNECTION_ID, HEARTBEAT, EXTENDED_MASTER_SECRET, TICKET, ENCRYPT_THEN_MAC))

    def fingerprint(self):
        def plain(values):
            return [n for n in values if n not in GREASE]

        end = [0x0a0a]
        kinds = [n for n in sorted(self.extensions) if n not in OCCASIONAL]
        told = [self.version] + plain(self.suites) + end + plain(kinds) + end \
            + plain(self.groups) + end + plain(self.schemes) + end
        return hashlib.sha256(struct.pack(f"!{len(told)}H", *told)).digest()

    def answer(self):
        """As the driver says it."""
        if self.verdict != "ok":
            return self.verdict
        suites = "".join(f"{n:04x}" for n in self.suites[:SUITES_MAX])
        return " ".join(["ok", head_answer(self), suites, "name=" + self.name.decode(),
                         self.alpn.hex() or "-", self.offers(), self.fingerprint().hex()])


def read_head(out, r):
    out.version, out.random = r.number(2), r.take(32)
    out.session_id = r.vector(1)
    need(len(out.session_id) <= 32)
    out.cookie = r.vector(1)


def head_answer(h):
    return f"{h.version} {h.random.hex()} {h.session_id.hex() or '-'} {h.cookie.hex() or '-'}"


class Head:
    """What the first fragment must tell."""

    def __init__(self, data):
        try:
            read_head(self, Reader(data))
            self.ok = True
        except Malformed:
            self.ok = False

    def answer(self):
        return "ok " + head_answer(self) if self.ok else "malformed"


class Address:
    """As it stands in memory (struct dtlsd_address): the cookie covers that."""

    def __init__(self, family, ip, port, scope=0):
        self.family, self.ip, self.port, self.scope = family, ip.ljust(16, b"\0"), port, scope

    def memory(self):
        return struct.pack("=HHI16s", self.family, self.port, self.scope, self.ip)

    def words(self):
        return f"{self.family} {self.ip.hex()} {self.port} {self.scope}"


def cookie(secret, seconds, peer, local, version, random, session_id):
    generation = seconds // GENERATION
    key = hmac.new(secret, b"cookie" + struct.pack("!Q", generation), hashlib.sha256).digest()
    covered = peer.memory() + local.memory() + struct.pack("!H", version) + random + vector(1, session_id)
    mac = hmac.new(key, covered, hashlib.sha256).digest()
    return (bytes([generation & 255]) + mac)[:COOKIE_LEN]


def verify_request(record_seq, message_seq, cookie_bytes):
    """The record number is the hello's, the version 1.0 whatever is spoken later (RFC 6347 4.2.1)."""
    body = struct.pack("!H", DTLS_10) + vector(1, cookie_bytes)
    return bytes(Record(HANDSHAKE, DTLS_10, 0, record_seq, message(3, message_seq, body)))

"""A DTLS 1.2 client that can be made to lie: what real clients refuse to send, this one sends.

One suite (ECDHE-ECDSA-AES128-GCM-SHA256), keys of X25519 and certificates of P-256, no extension that can be left out, no
timers: the network is loopback. The caller puts the client's flight together message by message.
RFC 5246, RFC 6347, RFC 5288, RFC 8422.
"""

import hashlib
import hmac
import os
import socket
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import places
from dtlsd import PATIENCE
from proxy import ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, records, split

VERSION = b"\xfe\xfd"
(CLIENT_HELLO, SERVER_HELLO, VERIFY_REQUEST, TICKET, CERTIFICATE, KEY_EXCHANGE, REQUEST, HELLO_DONE,
 CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE, FINISHED) = 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20


def vector(size, data):
    return len(data).to_bytes(size, "big") + data


def prf(secret, label, seed, length):
    seed = label + seed
    out, a = b"", seed
    while len(out) < length:
        a = hmac.digest(secret, a, "sha256")
        out += hmac.digest(secret, a + seed, "sha256")
    return out[:length]


def extension(number, data):
    return struct.pack("!H", number) + vector(2, data)


class Crafted:
    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(split(address))
        self.sequence = [0, 0]  # next record number of each epoch
        self.message_seq = 0
        self.transcript = b""
        self.fragments = {}  # message_seq -> [type, length, {offset: bytes}]
        self.next_in = 0
        self.random = os.urandom(32)
        self.waiting = []  # records that were received and not looked at

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # ---- records

    def record(self, kind, epoch, body):
        number = struct.pack("!H", epoch) + self.sequence[epoch].to_bytes(6, "big")
        self.sequence[epoch] += 1
        if epoch:
            associated = number + bytes([kind]) + VERSION + struct.pack("!H", len(body))
            body = number + AESGCM(self.key_out).encrypt(self.salt_out + number, body, associated)
        return bytes([kind]) + VERSION + number + vector(2, body)

    def send(self, *made):
        self.socket.send(b"".join(made))

    def receive(self):
        """The next record: (type, epoch, body), opened."""
        while not self.waiting:
            self.waiting += records(self.socket.recv(65535))
        kind, epoch, body = self.waiting.pop(0)
        if epoch:
            number = body[:8]  # we send none out of order, and neither does dtlsd
            associated = number + bytes([kind]) + VERSION + struct.pack("!H", len(body) - 24)
            body = AESGCM(self.key_in).decrypt(self.salt_in + number, body[8:], associated)
        return kind, epoch, body

    # ---- handshake messages

    def message(self, kind, body, hashed=True):
        """The message as a record of epoch 0, or of epoch 1 for Finished."""
        whole = bytes([kind]) + len(body).to_bytes(3, "big") + struct.pack("!H", self.message_seq) \
            + b"\0\0\0" + len(body).to_bytes(3, "big") + body
        self.message_seq += 1
        if hashed:
            self.transcript += whole
        return self.record(HANDSHAKE, 1 if kind == FINISHED else 0, whole)

    def _keep(self, body):
        while body:
            kind, length = body[0], int.from_bytes(body[1:4], "big")
            seq, = struct.unpack_from("!H", body, 4)
            offset, part = int.from_bytes(body[6:9], "big"), int.from_bytes(body[9:12], "big")
            entry = self.fragments.setdefault(seq, [kind, length, {}])
            entry[2][offset] = body[12:12 + part]
            body = body[12 + part:]

    def next_message(self):
        """(type, body) of the server's next message."""
        while True:
            entry = self.fragments.get(self.next_in)
            if entry and sum(map(len, entry[2].values())) >= entry[1]:
                break
            kind, _, body = self.receive()
            assert kind != ALERT, f"alert {body[1]}"
            if kind == HANDSHAKE:
                self._keep(body)
        kind, length, parts = self.fragments.pop(self.next_in)
        body = b"".join(parts[at] for at in sorted(parts))
        self.transcript += bytes([kind]) + length.to_bytes(3, "big") + struct.pack("!H", self.next_in) \
            + b"\0\0\0" + length.to_bytes(3, "big") + body
        self.next_in += 1
        return kind, body

    # ---- the handshake

    def hello(self, cookie=b""):
        extensions = extension(10, vector(2, b"\0\x1d\0\x17")) + extension(11, b"\1\0") \
            + extension(13, vector(2, b"\4\3"))
        return self.message(CLIENT_HELLO, VERSION + self.random + b"\0" + vector(1, cookie)
                            + vector(2, b"\xc0\x2b\0\xff") + b"\1\0" + vector(2, extensions))

    def meet(self):
        """Up to ServerHelloDone. Returns the types of the server's messages."""
        self.send(self.hello())
        kind, body = self.next_message()
        assert kind == VERIFY_REQUEST
        self.transcript = b""
        self.send(self.hello(body[3:]))
        seen = {}
        while HELLO_DONE not in seen:
            kind, body = self.next_message()
            seen[kind] = body
        self._derive(seen[SERVER_HELLO][2:34], seen[KEY_EXCHANGE])
        return list(seen)

    def _derive(self, server_random, exchange):
        mine = X25519PrivateKey.generate()
        self.share = mine.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        secret = mine.exchange(X25519PublicKey.from_public_bytes(exchange[4:36]))
        self.master = prf(secret, b"master secret", self.random + server_random, 48)
        block = prf(self.master, b"key expansion", server_random + self.random, 40)
        self.key_out, self.key_in = block[:16], block[16:32]
        self.salt_out, self.salt_in = block[32:36], block[36:40]

    def certificate(self, *names):
        chain = b""
        for name in names:
            with open(places.cert(name + ".crt"), "rb") as f:
                der = x509.load_pem_x509_certificate(f.read()).public_bytes(serialization.Encoding.DER)
            chain += vector(3, der)
        return self.message(CERTIFICATE, vector(3, chain))

    def key_exchange(self):
        return self.message(CLIENT_KEY_EXCHANGE, vector(1, self.share))

    def verify(self, name, text=None):
        """CertificateVerify with the key of `name`, over `text` or what was said so far."""
        with open(places.cert(name + ".key"), "rb") as f:
            key = serialization.load_pem_private_key(f.read(), None)
        signature = key.sign(self.transcript if text is None else text, ec.ECDSA(hashes.SHA256()))
        return self.message(CERTIFICATE_VERIFY, b"\4\3" + vector(2, signature))

    def finish(self):
        """ChangeCipherSpec and a Finished that is right for what was said."""
        digest = hashlib.sha256(self.transcript).digest()
        change = self.record(CHANGE_CIPHER_SPEC, 0, b"\1")
        return change + self.message(FINISHED, prf(self.master, b"client finished", digest, 12))

    def data(self, data):
        return self.record(APPLICATION_DATA, 1, data)

    # ---- what comes back

    def wait_for(self, wanted):
        """The body of the next record of a type; those before it are passed over."""
        while True:
            kind, epoch, body = self.receive()
            if kind == wanted:
                return epoch, body

"""The cipher suites by their IANA names, the PRF of TLS 1.2, and the keys that follow from a master secret.

Written from RFC 5246 5, 6.3 and 8.1, RFC 5288, 6655, 7251, 7905; what a suite is follows from its
name alone.
"""

import hashlib
import hmac
import re

from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305


class Suite:
    def __init__(self, number, name):
        self.number, self.name = number, name
        cipher = name.split("_WITH_")[1]
        # SHA-256 is the PRF of every suite that does not name another hash (RFC 5246 5).
        self.digest = "sha384" if cipher.endswith("_SHA384") else "sha256"
        aes = re.match(r"AES_(128|256)_(GCM|CCM)(_8)?", cipher)
        if aes:
            self.key_len, self.iv_len, self.explicit_len = int(aes[1]) // 8, 4, 8
            self.tag_len = 8 if aes[3] else 16
            self._kind = AESGCM if aes[2] == "GCM" else lambda key: AESCCM(key, self.tag_len)
        elif cipher.startswith("CHACHA20_POLY1305"):
            self.key_len, self.iv_len, self.explicit_len, self.tag_len = 32, 12, 0, 16
            self._kind = ChaCha20Poly1305
        else:
            raise ValueError(f"{name} is no AEAD suite of TLS 1.2 that is known here")

    def __repr__(self):
        return self.name

    @property
    def around(self):
        """Bytes that a record's body is longer than its plaintext."""
        return self.explicit_len + self.tag_len

    def aead(self, key):
        return self._kind(key)


def suites(source):
    """Every row of suite.def; only number and name are taken from there."""
    text = (source / "core/dtls/suite.def").read_text()
    rows = re.findall(r'^X\((0x[0-9a-f]{4}), "(\w+)"', text, re.MULTILINE)
    assert len(rows) > 40, "suite.def was not understood"
    return [Suite(int(number, 16), name) for number, name in rows]


def prf(digest, secret, label, seed, length):
    """P_hash (RFC 5246 5)."""
    def mac(data):
        return hmac.new(secret, data, getattr(hashlib, digest)).digest()

    seed = label + seed
    out, a = b"", seed
    while len(out) < length:
        a = mac(a)
        out += mac(a + seed)
    return out[:length]


class Keys:
    """What one side writes with."""

    def __init__(self, suite, key, iv):
        self.suite, self.key, self.iv = suite, key, iv
        self.aead = suite.aead(key)


def derive(suite, master, client_random, server_random):
    """Keys of the client and of the server; an AEAD suite has no MAC keys in between (RFC 5246 6.3)."""
    key, iv = suite.key_len, suite.iv_len
    block = prf(suite.digest, master, b"key expansion", server_random + client_random, 2 * (key + iv))
    ivs = block[2 * key:]
    return Keys(suite, block[:key], ivs[:iv]), Keys(suite, block[key:2 * key], ivs[iv:])


def self_test():
    """The vectors that were published for the PRF: they tie the model to somebody else's reading."""
    for digest, secret, seed, out in [
        ("sha256", "9bbe436ba940f017b17652849a71db35", "a0ba9f936cda311827a6f796ffd5198c",
         "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14ba"
         "f9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a51"
         "10fff70187347b66"),
        ("sha384", "b80b733d6ceefcdc71566ea48e5567df", "cd665cf6a8447dd6ff8b27555edb7465",
         "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c91"
         "46a0e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad0"
         "5d9184259b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa"
         "3be85e0990703d73e56f"),
    ]:
        wanted = bytes.fromhex(out)
        assert prf(digest, bytes.fromhex(secret), b"test label", bytes.fromhex(seed), len(wanted)) == wanted

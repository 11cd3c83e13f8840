#!/usr/bin/env python3
"""Fixed inputs and what must come of them. Run alone it writes them: vectors.py SOURCE > vectors.json

They change only when a suite is added; anything else is a change of what goes over the wire, or
of what processes of two versions have to agree on.
"""

import json
import pathlib
import random
import sys

import handshake
import hello
import keys
import records
from hello import Address, vector

SEED = "vectors"


def hexes(**fields):
    return {k: v.hex() if isinstance(v, bytes) else v for k, v in fields.items()}


def key_vectors(r, suite):
    secrets = dict(master=r.randbytes(48), client_random=r.randbytes(32), server_random=r.randbytes(32))
    client, server = keys.derive(suite, *secrets.values())
    yield hexes(kind="keys", suite=suite.name, number=suite.number, digest=suite.digest, **secrets,
                client_key=client.key, client_iv=client.iv, server_key=server.key, server_iv=server.iv)
    for length, number in ((0, 0), (1, 1), (33, records.LAST)):
        plain = r.randbytes(length)
        yield hexes(kind="record", suite=suite.name, number=suite.number, key=client.key, iv=client.iv,
                    type=records.APPLICATION_DATA, epoch=1, seq=number, plain=plain,
                    record=records.seal(client, records.APPLICATION_DATA, 1, number, plain))


def cookie_vectors(r):
    for family, length in ((4, 4), (6, 16)):
        secret, seconds = r.randbytes(32), 1700000000 + r.randrange(10 ** 6)
        peer, local = (Address(family, r.randbytes(length), r.getrandbits(16)) for _ in range(2))
        random_bytes, session = r.randbytes(32), r.randbytes(length)
        made = hello.cookie(secret, seconds, peer, local, 0xfefd, random_bytes, session)
        yield hexes(kind="cookie", secret=secret, seconds=seconds, peer=peer.words(), local=local.words(),
                    version=0xfefd, random=random_bytes, session_id=session, cookie=made)
        yield hexes(kind="hello_verify_request", record_seq=length, message_seq=0, cookie=made,
                    datagram=hello.verify_request(length, 0, made))


def extension(kind, body):
    return kind.to_bytes(2, "big") + vector(2, body)


def hello_vectors(r):
    head = b"\xfe\xfd" + r.randbytes(32) + vector(1, b"") + vector(1, r.randbytes(20))
    suites = vector(2, bytes.fromhex("0a0ac02bc02fcca900ff")) + b"\1\0"
    extensions = vector(2, b"".join((
        extension(hello.SERVER_NAME, vector(2, b"\0" + vector(2, b"Name.Example"))),
        extension(hello.GROUPS, vector(2, bytes.fromhex("2a2a001d0017"))),
        extension(hello.SCHEMES, vector(2, bytes.fromhex("04030804"))),
        extension(hello.ALPN, vector(2, vector(1, b"coap"))),
        extension(hello.EXTENDED_MASTER_SECRET, b""), extension(hello.CONNECTION_ID, b"\0"))))
    for data in (head + suites, head + suites + extensions, head + suites + extensions[:-1]):
        yield hexes(kind="client_hello", message=data, answer=hello.Hello(data).answer())


def fragment_vectors(r):
    body = r.randbytes(10)
    parts = [handshake.fragment(11, 4, 10, a, body[a:b]) for a, b in ((6, 10), (0, 4), (2, 8))]
    model = handshake.Reassembly(4)
    out = [m for p in parts for m in model.add(p)[1]]
    yield hexes(kind="fragments", first=4, fragments=[p.hex() for p in parts], message=out[0])


def generate(source):
    r = random.Random(SEED)
    made = [v for suite in keys.suites(source) for v in key_vectors(random.Random(f"{SEED} {suite.name}"), suite)]
    return made + [*cookie_vectors(r), *hello_vectors(r), *fragment_vectors(r)]


if __name__ == "__main__":
    print("[\n" + ",\n".join(json.dumps(v) for v in generate(pathlib.Path(sys.argv[1]))) + "\n]")

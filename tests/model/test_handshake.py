#!/usr/bin/env python3
"""Hellos, cookies, fragments and flights: the code reads and writes what the model does."""

import struct
import unittest

import handshake
import hello
import keys
import records
from driver import SOURCE, Batch, main, seeded, word
from hello import Address, vector
from records import CHANGE_CIPHER_SPEC, HANDSHAKE, LAST, Record

SUITES = keys.suites(SOURCE)
ENOUGH = 2 ** 24


def numbers16(values):
    return struct.pack(f"!{len(values)}H", *values)


class Maker:
    """Draws hellos that are right, or nearly so."""

    def __init__(self, random):
        self.r = random

    def bytes_below(self, n):
        return self.r.randbytes(self.r.randrange(n))

    def host(self):
        letters = self.r.choice((b"abcXYZ019.-_", b"abc.", b"a:[]1", b"\xc3\xa4\0 "))
        return bytes(self.r.choices(letters, k=self.r.choice((0, 1, 5, 20, 254, 255, 256))))

    def names(self):
        kinds = self.r.choices((0, 0, 0, 1, 255), k=self.r.choice((0, 1, 1, 1, 2)))
        return vector(2, b"".join(bytes([k]) + vector(2, self.host()) for k in kinds))

    def alpn(self):
        names = [self.bytes_below(9) for _ in range(self.r.randrange(4))]
        return vector(2, b"".join(vector(1, n) for n in names))

    def numbers(self):
        return vector(2, numbers16([self.number() for _ in range(self.r.randrange(6))]))

    def number(self):
        return self.r.choice((self.r.getrandbits(16), 0x0a0a, 0xfafa, 0x1a2a, 0x001d, 0x0403))

    def extension(self):
        kind = self.r.choice((0, 0, 10, 13, 15, 16, 21, 22, 23, 35, 41, 42, 44, 54, 0xff01, 0x0a0a,
                              self.r.getrandbits(16)))
        made = {0: self.names, 10: self.numbers, 13: self.numbers, 15: lambda: b"\x01", 16: self.alpn,
                22: bytes, 23: bytes, 54: lambda: vector(1, self.bytes_below(9))}
        body = made.get(kind, lambda: self.bytes_below(12))()
        if self.r.random() < 0.03:
            body = self.r.choice((b"", body + b"\0", body[:-1], self.bytes_below(6)))
        return struct.pack("!H", kind) + vector(2, body)

    def extensions(self):
        one_of_each = {e[:2]: e for e in (self.extension() for _ in range(self.r.randrange(9)))}
        chosen = list(one_of_each.values())
        self.r.shuffle(chosen)
        if chosen and self.r.random() < 0.05:
            chosen.append(self.r.choice(chosen))
        return vector(2, b"".join(chosen))

    def head(self):
        version = self.r.choice((0xfefd,) * 8 + (0xfeff, 0xfefe, 0xfefc, 0xfe00, 0x0303, 0xfffd, 0xfdfd))
        session = self.r.randbytes(self.r.choice((0, 0, 1, 31, 32, 32, 33)))
        cookie = self.r.randbytes(self.r.choice((0, 0, 1, 20, 20, 255)))
        return struct.pack("!H", version) + self.r.randbytes(32) + vector(1, session) + vector(1, cookie)

    def suites(self):
        count = self.r.choice((0, 1, 2, 3, 20, 255, 256, 257, 300))
        return vector(2, numbers16([self.number() for _ in range(count)]) + b"\0" * (self.r.random() < 0.03))

    def hello(self):
        methods = self.r.choice((b"\0",) * 6 + (b"\1\0", b"\1", b""))
        data = self.head() + self.suites() + vector(1, methods)
        return data + (self.extensions() if self.r.random() < 0.9 else b"")

    def damaged(self, data):
        data, how = bytearray(data), self.r.randrange(4)
        at = self.r.randrange(len(data))
        if how == 0:
            data[at] = self.r.getrandbits(8)
        elif how == 1:
            data[at] ^= 1 << self.r.randrange(8)
        elif how == 2:
            del data[at:at + self.r.randrange(1, 4)]
        else:
            data[at:at] = self.r.randbytes(self.r.randrange(1, 4))
        return bytes(data)


class Hellos(unittest.TestCase):
    def _ask(self, batch, data):
        model = hello.Hello(data)
        batch.add(f"hello {word(data)}", model.answer())
        return model.verdict

    def test_random_hellos(self):
        random, batch = seeded(self.id()), Batch(self)
        maker, seen = Maker(random), {"ok": 0, "malformed": 0, "version": 0}
        for _ in range(2500):
            data = maker.hello()
            seen[self._ask(batch, data)] += 1
            seen[self._ask(batch, maker.damaged(data))] += 1
        batch.run()
        self.assertGreater(min(seen.values()), 200, seen)

    def test_hellos_that_end_anywhere(self):
        random, batch = seeded(self.id()), Batch(self)
        maker, whole = Maker(random), []
        while len(whole) < 15:
            data = maker.hello()
            if len(data) < 400 and hello.Hello(data).verdict == "ok":
                whole.append(data)
        for data in whole:
            for end in range(len(data) + 1):
                self._ask(batch, data[:end])
            self._ask(batch, data + b"\0")
        batch.run()

    def test_heads(self):
        random, batch = seeded(self.id()), Batch(self)
        maker = Maker(random)
        for _ in range(300):
            data = maker.head() + maker.bytes_below(5)
            for one in (data, data[:random.randrange(len(data))], maker.damaged(data)):
                batch.add(f"head {word(one)}", hello.Head(one).answer())
        for length in range(256):  # a cookie that runs past the message
            data = struct.pack("!H", 0xfefd) + bytes(32) + b"\0" + bytes([length])
            for there in {0, length // 2, max(0, length - 1), length}:
                batch.add(f"head {word(data + bytes(there))}", hello.Head(data + bytes(there)).answer())
        batch.run()


class Cookies(unittest.TestCase):
    def _draw(self, random):
        v6 = random.random() < 0.5
        addresses = [Address(6 if v6 else 4, random.randbytes(16 if v6 else 4), random.getrandbits(16),
                             random.choice((0, 0, 3)) if v6 else 0) for _ in range(2)]
        return [random.randbytes(32), random.getrandbits(32), *addresses, random.choice((0xfefd, 0xfeff)),
                random.randbytes(32), random.randbytes(random.choice((0, 1, 32)))]

    def _words(self, secret, seconds, peer, local, version, random, session):
        return f"{word(secret)} {seconds} {peer.words()} {local.words()} {version} {word(random)} {word(session)}"

    def _verify(self, batch, asked, cookie, good):
        batch.add(f"verify {self._words(*asked)} {word(cookie)}", str(int(good)))

    def test_cookies_are_the_models(self):
        random, batch = seeded(self.id()), Batch(self)
        for _ in range(200):
            asked = self._draw(random)
            batch.add(f"cookie {self._words(*asked)}", word(hello.cookie(*asked)))
            self._verify(batch, asked, hello.cookie(*asked), True)
        batch.run()

    def test_a_cookie_lives_for_one_generation_and_the_next(self):
        random, batch = seeded(self.id()), Batch(self)
        for _ in range(30):
            asked = self._draw(random)
            cookie = hello.cookie(*asked)
            begin = asked[1] - asked[1] % 60
            for later in (-60, -1, 0, 59, 60, 119, 120, 180, 60 * 255, 60 * 256, 60 * 257):
                then = max(0, begin + later)
                age = then // 60 - asked[1] // 60
                self._verify(batch, [asked[0], then, *asked[2:]], cookie, age in (0, 1))
        batch.run()

    def test_a_cookie_is_good_for_one_client(self):
        random, batch = seeded(self.id()), Batch(self)
        for _ in range(40):
            asked, other = self._draw(random), self._draw(random)
            cookie = hello.cookie(*asked)
            for i in set(range(len(asked))) - {1}:
                changed = [*asked[:i], other[i], *asked[i + 1:]]
                self._verify(batch, changed, cookie, hello.cookie(*changed) == cookie)
            peer = asked[2]
            for moved in (Address(peer.family, peer.ip, peer.port ^ 1, peer.scope),
                          Address(peer.family, peer.ip, peer.port, peer.scope + 1)):
                self._verify(batch, [*asked[:2], moved, *asked[3:]], cookie, False)
        batch.run()

    def test_no_bit_of_a_cookie_may_change(self):
        random, batch = seeded(self.id()), Batch(self)
        asked = self._draw(random)
        cookie = hello.cookie(*asked)
        for bit in range(8 * len(cookie)):
            changed = bytearray(cookie)
            changed[bit // 8] ^= 1 << bit % 8
            self._verify(batch, asked, bytes(changed), False)
        for wrong in (b"", cookie[:-1], cookie + b"\0", cookie + cookie):
            self._verify(batch, asked, wrong, False)
        batch.run()

    def test_verify_requests(self):
        random, batch = seeded(self.id()), Batch(self)
        for seq in (0, 1, 2 ** 32, LAST, *(random.getrandbits(48) for _ in range(50))):
            cookie = random.randbytes(20)
            batch.add(f"hvr {seq} {word(cookie)}", word(hello.verify_request(seq, 0, cookie)))
        batch.run()


def pieces(random, kind, seq, body):
    """Fragments that hold all of a message, some bytes of it more than once."""
    cuts = sorted({0, len(body), *(random.randrange(len(body) + 1) for _ in range(random.randrange(6)))})
    spans = list(zip(cuts, cuts[1:])) or [(0, 0)]
    for _ in range(random.choice((0, 0, 1, 3))):
        a, b = sorted(random.randrange(len(body) + 1) for _ in range(2))
        spans.append((a, b))
    return [handshake.fragment(kind, seq, len(body), a, body[a:b]) for a, b in spans]


class Fragments(unittest.TestCase):
    def _ask(self, batch, first, fragments):
        model, told = handshake.Reassembly(first), []
        for one in fragments:
            verdict, messages = model.add(one)
            told.append(":".join([verdict, *map(word, messages)]))
        batch.add(f"reassemble {first} {ENOUGH} {ENOUGH} {' '.join(map(word, fragments))}", " ".join(told))
        return model

    def _messages(self, random, first, count):
        lengths = (0, 1, 2, 12, 100, 1000)
        return [(random.randrange(25), first + i, random.randbytes(random.choice(lengths))) for i in range(count)]

    def test_any_split_in_any_order(self):
        random, batch = seeded(self.id()), Batch(self)
        for _ in range(500):
            first, count = random.choice((0, 1, 2, 0xfff0)), random.randrange(1, 8)
            fragments = [f for m in self._messages(random, first, count) for f in pieces(random, *m)]
            if random.random() < 0.8:
                random.shuffle(fragments)
            self.assertEqual(self._ask(batch, first, fragments).next_seq, first + count)
        batch.run()

    def test_single_bytes(self):
        random, batch = seeded(self.id()), Batch(self)
        for length in (1, 2, 63, 300, 1500):
            body = random.randbytes(length)
            fragments = [handshake.fragment(11, 0, length, i, body[i:i + 1]) for i in range(length)]
            for order in (list(fragments), fragments[::-1], random.sample(fragments, length)):
                self.assertEqual(self._ask(batch, 0, order).next_seq, 1)
        batch.run()

    def test_long_messages(self):
        random, batch = seeded(self.id()), Batch(self)
        for length in (4095, 4096, 4097, 20000):
            fragments = pieces(random, 11, 0, random.randbytes(length))
            random.shuffle(fragments)
            self.assertEqual(self._ask(batch, 0, fragments).next_seq, 1)
        batch.run()

    def test_fragments_that_lie(self):
        """Other types, lengths, bytes and places than the message has; old and early ones."""
        random, batch = seeded(self.id()), Batch(self)
        for _ in range(800):
            first = random.choice((0, 1, 5, 0xfff0))
            fragments = [f for m in self._messages(random, first, 3) for f in pieces(random, *m)]
            fragments += [self._lie(random, random.choice(fragments), first)
                          for _ in range(random.randrange(1, 8))]
            random.shuffle(fragments)
            self._ask(batch, first, fragments)
        batch.run()

    def _lie(self, random, data, first):
        kind, seq, length, offset, body = handshake.read(data)[0]
        how = random.randrange(7)
        if how == 0:
            kind ^= 1
        elif how == 1:
            seq = random.choice((max(0, first - 1), first + 8, first + 9, 0xffff))
        elif how == 2:
            length = random.choice((length + 1, max(0, length - 1), 2 ** 24 - 1))
        elif how == 3:
            offset = random.choice((offset + 1, 2 ** 24 - 1))
        elif how == 4:
            body = random.randbytes(len(body))
        made = handshake.fragment(kind, seq, length, offset, body)
        return made[:-1] if how == 5 else made + b"\0" if how == 6 else made

    def test_the_last_message_numbers(self):
        """message_seq ends at 2^16 - 1: what would follow is not one of the first again."""
        random, batch = seeded(self.id()), Batch(self)
        for first in (0xfff5, 0xfff8, 0xfffc, 0xfffd):
            seqs = [s for s in range(first, first + 12) if s <= handshake.LAST] + [0, 1, 2]
            fragments = [handshake.message(11, s, random.randbytes(5)) for s in seqs]
            self._ask(batch, first, fragments)
            self._ask(batch, first, random.sample(fragments, len(fragments)))
        batch.run()

    def test_what_comes_out_under_a_cap_is_right(self):
        """Where memory ends the model cannot say; what comes out is a message all the same, in order."""
        random, batch = seeded(self.id()), Batch(self)
        refused = []
        for _ in range(300):
            sent = [handshake.message(*m) for m in self._messages(random, 0, 6)]
            fragments = [f for s in sent for f in pieces(random, s[0], s[5], s[12:])]
            random.shuffle(fragments)
            caps = (random.choice((0, 100, 500, 2000, 4000)), random.choice((300, 1000, ENOUGH)))

            def check(answer, sent=sent):
                words = [w.split(":") for w in answer.split()]
                came = [bytes.fromhex(m) for w in words for m in w[1:]]
                self.assertEqual(came, sent[:len(came)])
                refused.append(any(w[0] == "full" for w in words))

            batch.add(f"reassemble 0 {caps[0]} {caps[1]} {' '.join(map(word, fragments))}", check)
        batch.run()
        self.assertIn(True, refused)
        self.assertIn(False, refused)


class Flight:
    """What a flight is made of, and whether the datagrams of the code are that."""

    def __init__(self, test, random):
        self.test, self.fragments = test, []
        suite = random.choice(SUITES)
        self.keys = keys.Keys(suite, random.randbytes(suite.key_len), random.randbytes(suite.iv_len))
        self.mtu = random.choice((128, 129, 200, 256, 512, 1280, 1400, 9000, 16384))
        self.fragment_max = random.choice((64, 512, 1024, 4096, 16384, 20000))
        self.numbers = [random.choice((0, 1, 2 ** 32, random.getrandbits(47))), random.choice((0, 1, 2 ** 20))]
        self.items = self._draw(random)

    def _draw(self, random):
        first = random.choice((0, 1, 3))
        lengths = (0, 1, 51, 52, 53, 300, 1000, 1400, 5000, 17000)
        items = [("message", 0, handshake.message(random.randrange(25), first + i,
                                                  random.randbytes(random.choice(lengths))))
                 for i in range(random.randrange(5))]
        finished = handshake.message(20, first + len(items), random.randbytes(12))
        if random.random() < 0.8:
            items.append(("ccs", 0, b"\1"))
        how = random.random()
        if how < 0.6:
            items.append(("message", 1, finished))
        elif how < 0.8:
            body = random.randbytes(random.choice((24, 60, self.mtu - 13, self.mtu)))
            items.append(("opaque", 1, bytes(Record(HANDSHAKE, 0xfefd, 1, 0, body))))
        return items

    def command(self):
        items = [f"opaque {word(data)}" if kind == "opaque" else
                 f"ccs {epoch}" if kind == "ccs" else f"message {epoch} {word(data)}"
                 for kind, epoch, data in self.items]
        k = self.keys
        return " ".join([f"flight {k.suite.number} {word(k.key)} {word(k.iv)} {self.mtu} {self.fragment_max}",
                         *map(str, self.numbers), *items])

    def check(self, answer):
        next_number = list(self.numbers)
        for sending in answer.split("again"):
            datagrams = [bytes.fromhex(w) for w in sending.split()]
            came = []
            for datagram in datagrams:
                self._check_datagram(datagram, next_number, came)
            self.test.assertEqual(self._joined(came), self.items)
            self._check_fill(datagrams)

    def _check_datagram(self, datagram, next_number, came):
        parts = list(records.split(datagram))
        self.test.assertEqual({verdict for verdict, _ in parts}, {"ok"})
        opaque = self.items and self.items[-1][0] == "opaque" and self.items[-1][2]
        if len(datagram) > self.mtu:
            self.test.assertEqual(datagram, opaque, "a datagram is longer than the mtu")
        for _, record in parts:
            if opaque and bytes(record) == opaque:
                came.append(("opaque", 1, opaque))
                continue
            self.test.assertEqual((record.version, record.seq), (0xfefd, next_number[record.epoch]))
            next_number[record.epoch] += 1
            came.append(self._open(record))

    def _open(self, record):
        plain = record.body
        if record.epoch:
            verdict, plain = records.open_record(self.keys, record)
            self.test.assertEqual(verdict, "ok")
        self.test.assertLessEqual(len(plain), min(self.fragment_max, records.PLAIN_MAX))
        if record.kind == CHANGE_CIPHER_SPEC:
            return ("ccs", record.epoch, plain)
        self.test.assertEqual(record.kind, HANDSHAKE)
        self.fragments.append(plain)
        return ("fragment", record.epoch, plain)

    def _joined(self, came):
        """With the fragments put together, in order; each must belong to the message that is open."""
        model, out = handshake.Reassembly(self.first_seq()), []
        for kind, epoch, data in came:
            if kind != "fragment":
                out.append((kind, epoch, data))
                continue
            verdict, messages = model.add(data)
            self.test.assertEqual(verdict, "stored")
            out += [("message", epoch, m) for m in messages]
        return out

    def first_seq(self):
        seqs = [int.from_bytes(data[4:6], "big") for kind, _, data in self.items if kind == "message"]
        return seqs[0] if seqs else 0

    def _check_fill(self, datagrams):
        """As few datagrams as it can: what begins a new one did not fit into the one before."""
        for before, after in zip(datagrams, datagrams[1:]):
            self.test.assertGreater(len(before) + len(after), self.mtu)


class Flights(unittest.TestCase):
    def test_datagrams_hold_the_flight_and_fit(self):
        random = seeded(self.id())
        flights, batch = [Flight(self, random) for _ in range(500)], Batch(self)
        for flight in flights:
            batch.add(flight.command(), flight.check)
        batch.run()

    def test_a_flight_in_any_order_gives_its_messages(self):
        """What the code wrote, sent twice and shuffled, put together by the code and by the model."""
        random = seeded(self.id())
        flights, batch = [Flight(self, random) for _ in range(100)], Batch(self)
        for flight in flights:
            flight.mtu = max(flight.mtu, 512)
            batch.add(flight.command(), flight.check)
        batch.run()
        batch = Batch(self)
        for flight in flights:
            self._shuffled(random, batch, flight)
        batch.run()

    def _shuffled(self, random, batch, flight):
        messages = [data for kind, _, data in flight.items if kind == "message"]
        fragments = random.sample(flight.fragments, len(flight.fragments))

        def check(answer):
            came = [bytes.fromhex(m) for w in answer.split() for m in w.split(":")[1:]]
            self.assertEqual(came, messages)

        batch.add(f"reassemble {flight.first_seq()} {ENOUGH} {ENOUGH} {' '.join(map(word, fragments))}", check)


if __name__ == "__main__":
    main()

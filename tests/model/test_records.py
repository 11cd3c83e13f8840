#!/usr/bin/env python3
"""Keys, records and their numbers: for every suite, the code says what the model says."""

import unittest

import keys
import records
from driver import SOURCE, Batch, main, seeded, word
from records import APPLICATION_DATA, LAST, PLAIN_MAX, Record

SUITES = keys.suites(SOURCE)
LENGTHS = (0, 1, 15, 16, 17)
LONG_LENGTHS = (PLAIN_MAX - 1, PLAIN_MAX)
NUMBERS = (0, 1, 63, 2 ** 16, 2 ** 32 - 1, 2 ** 32, 2 ** 47, LAST - 1, LAST)
EPOCHS = (1, 2, 0xffff)
TYPES = range(20, 25)


def random_keys(random, suite):
    return keys.Keys(suite, random.randbytes(suite.key_len), random.randbytes(suite.iv_len))


def words(k):
    return f"{k.suite.number} {word(k.key)} {word(k.iv)}"


def any_number(random):
    return random.choice((*NUMBERS, random.getrandbits(48)))


def open_answer(k, datagram):
    verdict, plain = records.open_datagram(k, datagram)
    return f"ok {word(plain)}" if verdict == "ok" else verdict


class Derivation(unittest.TestCase):
    def test_published_vectors_of_the_prf(self):
        keys.self_test()

    def test_a_suite_is_what_its_name_says(self):
        batch = Batch(self)
        for suite in SUITES:
            batch.add(f"suite {suite.number}", lambda answer, suite=suite: self._check_row(suite, answer))
        batch.run()

    def _check_row(self, suite, answer):
        name, openssl, key, iv, explicit, tag, seals, forgeries, known, known_openssl, digest = answer.split()
        self.assertEqual((name, openssl), (suite.name, known_openssl))
        self.assertEqual((known, digest.lower().replace("sha2-", "sha")), (suite.name, suite.digest))
        self.assertEqual([int(n) for n in (key, iv, explicit, tag)],
                         [suite.key_len, suite.iv_len, suite.explicit_len, suite.tag_len])
        # RFC 9325 4.4 and RFC 9147 4.5.3; of CCM_8 forgeries are only counted.
        bounds = {"GCM": (2 ** 24.5, 2 ** 36), "CCM": (2 ** 23, 2 ** 23.5), "CHACHA": (LAST, 2 ** 36)}
        most, failures = next(b for kind, b in bounds.items() if kind in suite.name)
        self.assertAlmostEqual(int(seals), most, delta=1)
        self.assertAlmostEqual(int(forgeries), 0 if suite.tag_len == 8 else failures, delta=1)

    def test_the_prf_gives_any_length(self):
        random, batch = seeded(self.id()), Batch(self)
        for _ in range(400):
            digest = random.choice(("sha256", "sha384"))
            # OpenSSL takes no empty secret; a label ends at its NUL.
            secret = random.randbytes(random.choice((1, 47, 48, 64, 65, 128, 129, 200)))
            label = bytes(random.choices(b"abcdefgh ", k=random.randrange(1, 30)))
            seed = random.randbytes(random.choice((1, 31, 64, 200)))
            length = random.choice((1, 12, 31, 32, 33, 47, 48, 49, 96, 104, 255, 1000))
            batch.add(f"prf {digest.upper()} {word(secret)} {word(label)} {word(seed)} {length}",
                      word(keys.prf(digest, secret, label, seed, length)))
        batch.run()

    def test_keys_follow_from_the_master_secret(self):
        random, batch = seeded(self.id()), Batch(self)
        for suite in SUITES:
            for _ in range(5):
                secrets = [random.randbytes(n) for n in (48, 32, 32)]
                client, server = keys.derive(suite, *secrets)
                batch.add(f"derive {suite.digest.upper()} {suite.number} {' '.join(map(word, secrets))}",
                          " ".join(map(word, (client.key, client.iv, server.key, server.iv))))
        batch.run()


class Sealing(unittest.TestCase):
    def test_every_suite_seals_alike(self):
        random, batch = seeded(self.id()), Batch(self)
        for suite in SUITES:
            k = random_keys(random, suite)
            for length in (*LENGTHS, *LONG_LENGTHS, random.randrange(1500), random.randrange(1500)):
                self._seal(batch, random, k, random.choice(EPOCHS), any_number(random), length)
            for number in NUMBERS:
                self._seal(batch, random, k, 1, number, random.randrange(40))
        batch.run()

    def _seal(self, batch, random, k, epoch, seq, length):
        kind, plain = random.choice(TYPES), random.randbytes(length)
        batch.add(f"seal {words(k)} {kind} {epoch} {seq} {word(plain)}",
                  word(records.seal(k, kind, epoch, seq, plain)))

    def test_no_number_is_given_out_near_the_end(self):
        """At 2^48 the code never arrives (RFC 6347 4.1); with a suite that ends sooner, not even there."""
        random, batch = seeded(self.id()), Batch(self)
        for suite in SUITES:
            k = random_keys(random, suite)
            limit = 23726566 if "GCM" in suite.name else 2 ** 23 if "CCM" in suite.name else LAST
            for start in (0, limit - 3, LAST - 2 ** 32 - 3, LAST - 3, LAST):
                plain = random.randbytes(3)
                batch.add(f"number {words(k)} 1 {start} 6 {word(plain)}",
                          lambda answer, a=(k, start, plain, limit): self._check_numbers(*a, answer))
        for start in (0, LAST - 2 ** 32 - 3, LAST - 3, LAST):
            batch.add(f"number {words(k)} 0 {start} 6 00",
                      lambda answer, start=start: self._check_plain_numbers(start, answer))
        batch.run()

    def _check_numbers(self, k, start, plain, limit, answer):
        written = answer.split()
        count = sum(w != "end" for w in written)
        expected = [word(records.seal(k, APPLICATION_DATA, 1, start + i, plain)) for i in range(count)]
        self.assertEqual(written, expected + ["end"] * (6 - count))
        self.assertLessEqual(count, max(0, limit - start))
        if start == 0:
            self.assertEqual(count, 6)
        if start == limit - 3 and limit < 2 ** 40:
            self.assertEqual(count, 2)  # the last one is kept for an alert

    def _check_plain_numbers(self, start, answer):
        written = answer.split()
        count = sum(w != "end" for w in written)
        expected = [Record(APPLICATION_DATA, records.DTLS_12, 0, start + i, b"\0") for i in range(count)]
        self.assertEqual(written, [word(bytes(r)) for r in expected] + ["end"] * (6 - count))
        self.assertEqual(count == 6, start == 0)


class Opening(unittest.TestCase):
    def _ask(self, batch, k, datagram, only=None):
        expected = open_answer(k, datagram)
        if only:
            self.assertIn(expected.split()[0], only)
        batch.add(f"open {words(k)} {word(datagram)}", expected)

    def test_every_suite_opens_what_the_model_sealed(self):
        random, batch = seeded(self.id()), Batch(self)
        for suite in SUITES:
            k = random_keys(random, suite)
            for length in (*LENGTHS, *LONG_LENGTHS, *(random.randrange(1500) for _ in range(5))):
                plain = random.randbytes(length)
                sealed = records.seal(k, random.choice(TYPES), random.choice(EPOCHS), any_number(random),
                                      plain, version=random.choice((0xfefd, 0xfeff, 0xfe00)))
                self._ask(batch, k, sealed, only=["ok"])
        batch.run()

    def test_the_explicit_nonce_is_the_peers_choice(self):
        random, batch = seeded(self.id()), Batch(self)
        for suite in SUITES:
            k = random_keys(random, suite)
            for explicit in (bytes(8), b"\xff" * 8, random.randbytes(8), random.randbytes(8)):
                sealed = records.seal(k, APPLICATION_DATA, 1, any_number(random), random.randbytes(20),
                                      explicit=explicit)
                self._ask(batch, k, sealed, only=["ok"])
        batch.run()

    def test_no_bit_may_change(self):
        random, batch = seeded(self.id()), Batch(self)
        for suite in SUITES:
            k = random_keys(random, suite)
            for length in (0, random.choice((1, 2, 15, 16, 17))):
                sealed = records.seal(k, APPLICATION_DATA, 1, any_number(random), random.randbytes(length))
                for bit in range(8 * len(sealed)):
                    changed = bytearray(sealed)
                    changed[bit // 8] ^= 1 << bit % 8
                    self._ask(batch, k, bytes(changed), only=["forged", "skip", "bad", "short"])
        batch.run()

    def test_no_byte_may_be_missing(self):
        random, batch = seeded(self.id()), Batch(self)
        for suite in SUITES:
            k = random_keys(random, suite)
            sealed = records.seal(k, APPLICATION_DATA, 1, 7, random.randbytes(random.randrange(20)))
            for end in range(len(sealed)):
                self._ask(batch, k, sealed[:end], only=["bad", "end"])
                if end < 13:
                    continue
                fitting = Record(APPLICATION_DATA, records.DTLS_12, 1, 7, sealed[13:end])
                self._ask(batch, k, bytes(fitting), only=["short", "forged"])
        batch.run()

    def test_nothing_may_be_added(self):
        random, batch = seeded(self.id()), Batch(self)
        for suite in SUITES:
            k = random_keys(random, suite)
            sealed = records.seal(k, APPLICATION_DATA, 1, 7, random.randbytes(random.randrange(20)))
            for more in (1, 8, 16):
                longer = Record(APPLICATION_DATA, records.DTLS_12, 1, 7, sealed[13:] + bytes(more))
                self._ask(batch, k, bytes(longer), only=["forged"])
        batch.run()

    def test_a_wrong_key_opens_nothing(self):
        random, batch = seeded(self.id()), Batch(self)
        for suite in SUITES:
            k, other = random_keys(random, suite), random_keys(random, suite)
            other_iv = keys.Keys(suite, k.key, random.randbytes(suite.iv_len))
            for plain in (b"", b"text"):
                sealed = records.seal(k, APPLICATION_DATA, 1, 7, plain)
                self._ask(batch, other, sealed, only=["forged"])
                self._ask(batch, other_iv, sealed, only=["forged"])
        batch.run()

    def test_long_records(self):
        """2^14 bytes of plaintext are the most, whoever sealed them; the body may claim a little more."""
        random, batch = seeded(self.id()), Batch(self)
        for suite in SUITES:
            k = random_keys(random, suite)
            self._ask(batch, k, records.seal(k, APPLICATION_DATA, 1, 7, bytes(PLAIN_MAX + 1)), only=["long"])
            for length, only in ((records.CIPHER_MAX, "long"), (records.CIPHER_MAX + 1, "skip"),
                                 (0xffff, "skip")):
                huge = Record(APPLICATION_DATA, records.DTLS_12, 1, 7, bytes(length))
                self._ask(batch, k, bytes(huge), only=[only])
        batch.run()


class Numbers(unittest.TestCase):
    def _play(self, batch, sequence):
        """`sequence`: (number, whether the record is a forgery)."""
        window, expected = records.Window(), ""
        for seq, forged in sequence:
            verdict = window.check(seq)
            expected += verdict
            if verdict == "F" and not forged:
                window.commit(seq)
        asked = " ".join(f"{seq}{'!' if forged else ''}" for seq, forged in sequence)
        batch.add(f"replay {asked}", expected)

    def test_windows_of_random_numbers(self):
        random, batch = seeded(self.id()), Batch(self)
        for _ in range(1500):
            base = random.choice((0, 0, 1, 64, 2 ** 32 - 40, LAST - 200, random.getrandbits(47)))
            spread = random.choice((3, 20, 64, 65, 66, 130, 200))
            numbers = [min(LAST, base + random.randrange(spread)) for _ in range(random.randrange(1, 80))]
            if random.random() < 0.3:
                numbers.insert(random.randrange(len(numbers)), random.choice((LAST, base + 1000)) % (LAST + 1))
            self._play(batch, [(n, random.random() < 0.2) for n in numbers])
        batch.run()

    def test_every_distance_around_the_edge(self):
        batch = Batch(self)
        for right in (0, 1, 62, 63, 64, 65, 1000, LAST - 1, LAST):
            for distance in (0, 1, 2, 62, 63, 64, 65, 66):
                if 0 <= right - distance:
                    self._play(batch, [(right, False), (right - distance, False), (right - distance, False)])
                if right + distance <= LAST:
                    self._play(batch, [(right, False), (right + distance, False), (right, False)])
        batch.run()

    def test_a_forged_number_moves_nothing(self):
        batch = Batch(self)
        for seq in (64, 65, 1000, LAST):
            self._play(batch, [(5, False), (seq, True), (6, False), (seq, False), (5, False)])
        batch.run()

    def test_sessions_take_each_record_once(self):
        """Records in any order, twice, forged and cut, as one epoch of a connection gets them."""
        random, batch = seeded(self.id()), Batch(self)
        for suite in SUITES:
            for _ in range(4):
                self._session(batch, random, random_keys(random, suite))
        batch.run()

    def _session(self, batch, random, k):
        base = random.choice((0, 0, 2 ** 32, LAST - 150))
        sent = [Record(*self._parts(random, k, base + random.randrange(150))) for _ in range(40)]
        arriving = random.choices(sent, k=50)
        for i in random.sample(range(50), 15):
            arriving[i] = self._damage(random, arriving[i])
        arriving.insert(random.randrange(10), Record(APPLICATION_DATA, records.DTLS_12, 1, LAST, bytes(40)))
        model = records.Session(k)
        expected = [model.input(r) for r in arriving]
        batch.add(f"session {words(k)} {' '.join(word(bytes(r)) for r in arriving)}",
                  f"{' '.join(expected)} {model.forgeries}")

    def _parts(self, random, k, seq):
        kind, plain = random.choice(TYPES), random.randbytes(random.randrange(30))
        sealed = records.seal(k, kind, 1, seq, plain, explicit=random.choice((None, random.randbytes(8))))
        return kind, records.DTLS_12, 1, seq, sealed[13:]

    def _damage(self, random, r):
        how = random.randrange(3)
        if how == 0:
            return Record(r.kind, r.version, r.epoch, r.seq, r.body[:random.randrange(len(r.body))])
        if how == 1:
            return Record(r.kind, r.version, r.epoch, (r.seq + random.randrange(1, 100)) % (LAST + 1), r.body)
        at = random.randrange(len(r.body))
        return Record(r.kind, r.version, r.epoch, r.seq,
                      r.body[:at] + bytes([r.body[at] ^ 1 << random.randrange(8)]) + r.body[at + 1:])


class Datagrams(unittest.TestCase):
    def _ask(self, batch, datagram):
        told = [str(int(records.looks_like_dtls(datagram)))]
        for verdict, r in records.split(datagram):
            told.append(verdict if verdict != "ok" else
                        f"ok:{r.kind}:{r.version}:{r.epoch}:{r.seq}:{word(r.body)}")
        batch.add(f"records {word(datagram)}", " ".join(told))

    def _random_record(self, random):
        kind = random.choice((*TYPES, *TYPES, 0, 19, 25, 255))
        version = random.choice((0xfefd, 0xfefd, 0xfeff, 0xfe00, 0xfdff, 0x0303, 0xff00))
        length = random.choice((0, 0, 1, 5, 40, random.randrange(600)))
        return bytes(Record(kind, version, random.getrandbits(16), any_number(random), random.randbytes(length)))

    def test_datagrams_of_many_records(self):
        """A record that is wrong does not cost those behind it; a length that is wrong does."""
        random, batch = seeded(self.id()), Batch(self)
        for _ in range(2000):
            datagram = b"".join(self._random_record(random) for _ in range(random.randrange(6)))
            if random.random() < 0.3:
                datagram = datagram[:random.randrange(len(datagram) + 1)]
            if random.random() < 0.3:
                datagram += random.randbytes(random.randrange(30))
            self._ask(batch, datagram)
        batch.run()

    def test_datagrams_of_noise(self):
        random, batch = seeded(self.id()), Batch(self)
        for length in list(range(60)) * 5:
            self._ask(batch, random.randbytes(length))
            self._ask(batch, (bytes([random.choice(TYPES), 0xfe, 0xfd]) + random.randbytes(length))[:length])
        batch.run()

    def test_lengths_around_the_limits(self):
        batch = Batch(self)
        for length in (0, 1, PLAIN_MAX, records.CIPHER_MAX - 1, records.CIPHER_MAX, records.CIPHER_MAX + 1, 50000):
            one = bytes(Record(APPLICATION_DATA, records.DTLS_12, 0, 3, bytes(length)))
            for datagram in (one, one[:-1], one + b"\x17", one + one[:13], one + bytes(Record(22, 0xfefd, 0, 4, b"x"))):
                self._ask(batch, datagram)
        batch.run()


if __name__ == "__main__":
    main()

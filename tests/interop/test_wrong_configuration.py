#!/usr/bin/env python3
"""Every kind of wrong configuration, and the exact lines that dtlsd -t answers.

In a row, @ stands before what the error is about: the line and column of the answer come from
there. DIR is the directory of the configuration, CERTS and BAD those of certificates and of
ill-behaved modules.
"""

import os
import pathlib
import re
import shutil
import tempfile
import unittest

import parallel
import places
from dtlsd import run

ENVIRONMENT = {"DTLSD_TEST_SECRET": "secret", "DTLSD_TEST_WRONG": "wrong"}
BASE = '"listen": "127.0.0.1:0", "tls": { "certificate": "CERTS/server.pem" }'
PEM = '"certificate": "CERTS/server.pem"'
SECRET, WRONG = '{ "env": "DTLSD_TEST_SECRET" }', '{ "env": "DTLSD_TEST_WRONG" }'

# What lies beside the configuration.
FILES = {
    "garbage.pem": "garbage\n",
    "empty.pem": "",
    "bad.psk": "# identity:key\n\ndevice-1:xyz\n",
    "twice.psk": "a:00\nb:11\na:22\n",
    "prefixes": "10.0.0.0/8\n10.0.0.0/33\n",
    "text.so": "no library\n",
}


def top(text):
    return '{ "servers": [ { %s, "chain": [ "echo" ] } ],\n  %s }' % (BASE, text)


def server(text):
    return '{ "servers": [ { %s, "chain": [ "echo" ],\n  %s } ] }' % (BASE, text)


def tls(text):
    return '{ "servers": [ { "listen": "127.0.0.1:0", "chain": [ "echo" ], "tls": {\n  %s } } ] }' % text


def certificate(text):
    return tls('"certificate": ' + text)


def listen(text):
    return '{ "servers": [ { "tls": { %s }, "chain": [ "echo" ],\n  "listen": %s } ] }' % (PEM, text)


def chain(text):
    return '{ "servers": [ { %s, "chain": [\n  %s ] } ] }' % (BASE, text)


def mean(word):
    return f"; did you mean {word}?"


TLS = "/servers/0/tls"
MINOR = re.search(r"ABI_MINOR (\d+)", (places.SOURCE / "plugin-api/include/dtlsd/module.h").read_text())[1]
ENTRY = "/servers/0/chain/0"
UNITS = "one of ns, us, ms, s, m, h, d, as in \"60s\""
NO_STORE = "is no certificate store that is known here (PEM, PFX, P7B, DER, JWK, PPK, XML, SSH)"
UNKNOWN = "is not known to this OpenSSL, or not for DTLS 1.2"

TEXT = [
    ("nothing", "@", "the file holds no configuration"),
    ("a list", "@[]", "an object is wanted here: { ... }"),
    ("no end", '{ "servers": @[', "this list has no end"),
    ("no comma", top('"user": "root"\n @"workers": 1'), "a comma or } is missing before this"),
    ("a comma too many", top('"workers": 1@,'), "no comma may stand before the end of an object"),
    ("single quotes", top("@'workers': 1"), "a key in double quotes is wanted here"),
    ("no quotes", top('"user": @root'), 'a value, or a text in double quotes, is wanted here' + mean('"root"')),
    ("two configurations", "{}\n@{}", "the configuration ended before this"),
    ("a comment without end", top('@/* "workers": 1'), "this comment has no end"),
]
KEYS = [
    ("typo at the top", top('@"worker": 2'), 'unknown key "worker" (/worker)' + mean('"workers"')),
    ("typo in a server", server('@"idle_timout": "1m"'),
     'unknown key "idle_timout" (/servers/0/idle_timout)' + mean('"idle_timeout"')),
    ("typo in tls", tls(PEM + ', @"cipher_suits": []'),
     f'unknown key "cipher_suits" ({TLS}/cipher_suits)' + mean('"cipher_suites"')),
    ("typo in a module's options", chain('{ "use": "relay", "to": "127.0.0.1:1", @"sorce": "127.0.0.1" }'),
     f'unknown key "sorce" ({ENTRY}/sorce)' + mean('"source"')),
    ("typo in a rule", chain('{ "use": "cert_access", "allow": [ { @"san_dsn": "x" } ] }'),
     f'unknown key "san_dsn" ({ENTRY}/allow/0/san_dsn)' + mean('"san_dns"')),
    ("nothing near", top('@"bandwidth": 2'), 'unknown key "bandwidth" (/bandwidth)'),
    ("duplicate", top('"workers": 1, @"workers": 2'), 'duplicate key "workers" (/workers)'),
    ("no servers", "@{}", '"servers" is missing: objects'),
    ("no address", '{ "servers": [ @{ "tls": { %s }, "chain": "echo" } ] }' % PEM,
     '"listen" is missing: addresses with ports (/servers/0)'),
    ("no certificate", '{ "servers": [ @{ "listen": "127.0.0.1:0", "chain": "echo" } ] }',
     "a server needs tls.certificate, or tls.psk, or a module that knows pre-shared keys (/servers/0)"),
]
VALUES = [
    ("text for a number", top('"workers": @"two"'),
     "a whole number is wanted here, not a text (/workers)" + mean('"auto"')),
    ("out of range", top('"workers": @1000'), "1000 is out of range: from 1 to 128 (/workers)"),
    ("yes for true", server('"socket": { "share_port": @"yes" }'),
     "true or false is wanted here, not a text (/servers/0/socket/share_port)" + mean("true")),
    ("null", server('"idle_timeout": @null'),
     'a duration such as "60s" is wanted here, not null (/servers/0/idle_timeout)'),
    ("no unit", server('"idle_timeout": @60'),
     "a duration is wanted here, not a number (/servers/0/idle_timeout)" + mean('"60s"')),
    ("unknown unit", server('"idle_timeout": @"60 seconds"'),
     f'"60 seconds" has an unknown unit: {UNITS} (/servers/0/idle_timeout)' + mean('"60s"')),
    ("size with a k", server('"limits": { "packet_size": @"2k" }'),
     '"2k" has an unknown unit: one of B, kB, KiB, MB, MiB, GB, GiB, as in "64KiB"'
     " (/servers/0/limits/packet_size)" + mean('"2KiB"')),
    ("rate without time", server('"limits": { "hellos_per_prefix": @"10" }'),
     '"10" has no unit (/s, /m, /h) (/servers/0/limits/hellos_per_prefix)' + mean('"10/s"')),
    ("unknown word", tls(PEM + ', "authenticate_clients": @"require"'),
     f'"require" is none of none, requested, required ({TLS}/authenticate_clients)' + mean('"required"')),
    ("unknown level", top('"log": { "level": @"loud" }'),
     '"loud" is none of none, error, warning, info, verbose, debug (/log/level)'),
    ("timers that do not fit", server('"handshake": { "initial_timer": @"3s", "max_timer": "1s" }'),
     "the first timer is above max_timer (/servers/0/handshake/initial_timer)"),
    ("unknown default", chain('{ "use": "echo", "defer_default": @"maybe" }'),
     f'"maybe" is none of accept, reject ({ENTRY}/defer_default)'),
    ("user that does not exist", top('"user": @"no-such-user"'), 'there is no user "no-such-user" (/user)'),
    ("directory of a log", top('"log": { "target": @"nowhere/log" }'),
     "DIR/nowhere/log: No such file or directory (/log/target)"),
    ("two servers of a name", '{ "servers": [ { "name": "a", %s, "chain": "echo" },\n { "name": @"a", %s,'
     ' "chain": "echo" } ] }' % (BASE, BASE), "another server has this name: /servers/0 (/servers/1/name)"),
]
ADDRESSES = [
    ("no port", listen('@"127.0.0.1"'), '"127.0.0.1" has no port, as in "127.0.0.1:5684" (/servers/0/listen)'),
    ("only a port", listen('@"4433"'), '"4433" is not an address with a port such as "127.0.0.1:5684"'
     " (/servers/0/listen)" + mean('"0.0.0.0:4433"')),
    ("port too large", listen('@"127.0.0.1:99999"'),
     '"127.0.0.1:99999" has no port from 0 to 65535 behind its last colon (/servers/0/listen)'),
    ("the same twice", listen('[ "127.0.0.1:5000", @"127.0.0.1:5000" ]'),
     "this address is taken: /servers/0/listen/0 (/servers/0/listen/1)"),
    ("none", listen("@[]"), "at least one item is wanted here (/servers/0/listen)"),
]
CERTIFICATES = [
    ("missing file", certificate('@"nowhere.pem"'), f"DIR/nowhere.pem: no such file or directory ({TLS}/certificate)"),
    ("directory of something else", certificate('@"CERTS/ca-dir"'),
     f"CERTS/ca-dir/fullchain.pem: no such file or directory ({TLS}/certificate)"),
    ("no key in it", certificate('@"CERTS/server.crt"'), f"CERTS/server.crt: holds no private key ({TLS}/certificate)"),
    ("only a key", certificate('@"CERTS/server.key"'), "CERTS/server.key: holds no certificate (a key alone: give its"
     f" certificate as \"encoded\") ({TLS}/certificate)"),
    ("key of another", certificate('@"CERTS/server-mismatch.pem"'),
     f"CERTS/server-mismatch.pem: the private key belongs to none of the certificates ({TLS}/certificate)"),
    ("expired", certificate('@"CERTS/server-expired.pem"'), "CERTS/server-expired.pem: the certificate has expired"
     f" (valid until 2010-01-01 00:00:00 UTC) ({TLS}/certificate)"),
    ("not yet valid", certificate('@"CERTS/client-future.pem"'), "CERTS/client-future.pem: the certificate is not yet"
     f" valid (valid from 2090-01-01 00:00:00 UTC) ({TLS}/certificate)"),
    ("encrypted without password", certificate('@"CERTS/server-encrypted.pem"'),
     f"CERTS/server-encrypted.pem: is encrypted, and no password is configured ({TLS}/certificate)"),
    ("wrong password", certificate('@{ "file": "CERTS/server-encrypted.pem", "key_password": %s }' % WRONG),
     f"CERTS/server-encrypted.pem: cannot be decrypted: the password is wrong ({TLS}/certificate)"),
    ("wrong password of PKCS#12", certificate('@{ "file": "CERTS/server.p12", "password": %s }' % WRONG),
     f"CERTS/server.p12: cannot be decrypted: the password is wrong ({TLS}/certificate)"),
    ("PKCS#12 without key", certificate('@{ "file": "CERTS/server-cert-only.p12", "password": %s }' % SECRET),
     f"CERTS/server-cert-only.p12: holds no private key ({TLS}/certificate)"),
    ("PKCS#12 of old ciphers", certificate('@{ "file": "CERTS/server-old.p12", "password": %s }' % SECRET),
     "CERTS/server-old.p12: is encrypted in a way that this OpenSSL does not offer; write it anew with AES-256"
     f" ({TLS}/certificate)"),
    ("garbage", certificate('@"garbage.pem"'), f"DIR/garbage.pem: {NO_STORE} ({TLS}/certificate)"),
    ("bad key", certificate('@{ "file": "CERTS/server.crt", "key": "garbage.pem" }'),
     f"DIR/garbage.pem: {NO_STORE} ({TLS}/certificate)"),
    ("missing key", certificate('@{ "file": "CERTS/server.crt", "key": "nowhere.key" }'),
     f"DIR/nowhere.key: no such file or directory ({TLS}/certificate)"),
    ("empty chain", certificate('@{ "file": "CERTS/server.pem", "chain": [ "empty.pem" ] }'),
     f"DIR/empty.pem: {NO_STORE} ({TLS}/certificate)"),
    ("two of a type", certificate('[ "CERTS/server.pem", @"CERTS/server-inter.pem" ]'),
     "another certificate before it answers to its names with a key of the same type, id-ecPublicKey"
     f" ({TLS}/certificate/1)"),
    ("password in the file", certificate('{ "file": "CERTS/server.p12", "password": @"secret" }'),
     'a secret does not stand in the file itself: write {"env": "NAME"}, {"file": "path"} or {"credential": "name"}'
     f" ({TLS}/certificate/password)"),
    ("variable that is not set", certificate('{ "file": "CERTS/server.p12", "password": { "env": @"DTLSD_UNSET" } }'),
     f'the environment variable "DTLSD_UNSET" is not set ({TLS}/certificate/password/env)'),
    ("missing file of a secret", certificate('{ "file": "CERTS/server.p12", "password": { "file": @"nowhere" } }'),
     f'"DIR/nowhere" cannot be read: No such file or directory ({TLS}/certificate/password/file)'),
]
TRUST = [
    ("missing CA", tls(PEM + ', "authenticate_clients": "required", "client_ca": @"nowhere.pem"'),
     f"DIR/nowhere.pem: no such file or directory ({TLS}/client_ca)"),
    ("no CA", tls(PEM + ', "authenticate_clients": @"required"'),
     f"no client certificate can be verified: set client_ca or system_ca ({TLS}/authenticate_clients)"),
    ("garbage for a CA", tls(PEM + ', "authenticate_clients": "required", "client_ca": @"garbage.pem"'),
     f"DIR/garbage.pem: {NO_STORE} ({TLS}/client_ca)"),
    ("missing keys", tls('"psk": @"nowhere"'), f"DIR/nowhere: No such file or directory ({TLS}/psk)"),
    ("bad key", tls('"psk": @"bad.psk"'), f"DIR/bad.psk:3: the key must be an even number of hex digits ({TLS}/psk)"),
    ("identity that stands twice", tls('"psk": @"twice.psk"'), f"DIR/twice.psk: identity a stands twice ({TLS}/psk)"),
    ("suite", tls(PEM + ', "cipher_suites": [ @"ECDHE-ECDSA-AES128-GCM-SHA255" ]'),
     f'"ECDHE-ECDSA-AES128-GCM-SHA255" {UNKNOWN} ({TLS}/cipher_suites/0)' + mean('"ECDHE-ECDSA-AES128-GCM-SHA256"')),
    ("suite of TLS 1.3", tls(PEM + ', "cipher_suites": [ "PSK-AES128-CCM8", @"TLS_AES_128_GCM_SHA256" ]'),
     f'"TLS_AES_128_GCM_SHA256" {UNKNOWN} ({TLS}/cipher_suites/1)'),
    ("no suite is strong enough", '{ "servers": [ { "listen": "127.0.0.1:0", "chain": "echo", "tls": @{\n'
     '"certificate": "CERTS/server.pem", "cipher_suites": "ECDHE-ECDSA-AES128-GCM-SHA256", "min_strength_bits": 256 } } ] }',
     f'min_strength_bits leaves none of the cipher suites: no cipher match ({TLS})'),
    ("suite that encrypts nothing", tls(PEM + ', "cipher_suites": [ @"NULL-SHA256" ]'),
     f'"NULL-SHA256" {UNKNOWN} ({TLS}/cipher_suites/0)'),
    ("suites for another certificate", '{ "servers": [ { "listen": "127.0.0.1:0", "chain": "echo", "tls": @{\n'
     '"certificate": "CERTS/server.pem", "cipher_suites": "ECDHE-RSA-AES128-GCM-SHA256" } } ] }',
     f"none of the cipher suites fits a certificate or pre-shared key of this server ({TLS})"),
    ("group", tls(PEM + ', "groups": [ "X25519", @"P256" ]'), f'"P256" {UNKNOWN} ({TLS}/groups/1)' + mean('"P-256"')),
    ("signature algorithm", tls(PEM + ', "signature_algorithms": @"ECDSA+SHA257"'),
     f'"ECDSA+SHA257" {UNKNOWN} ({TLS}/signature_algorithms)' + mean('"ECDSA+SHA256"')),
    ("directory of a key log", tls(PEM + ', "key_log_file": @"nowhere/log"'), [
        f"warning: who reads this file can decrypt every connection ({TLS}/key_log_file)",
        f"DIR/nowhere/log: No such file or directory ({TLS}/key_log_file)"]),
]
MODULES = [
    ("unknown", chain('{ "use": @"relai", "to": "127.0.0.1:1" }'), 'module "relai": it is not there; looked'
     f' for relai.so in BUILD/modules ({ENTRY}/use)' + mean('"relay"')),
    ("no directory", '{ "modules": { "path": "nowhere" }, "servers": [ { %s, "chain": @"echo" } ] }' % BASE,
     'module "echo": it is not there; looked for echo.so in DIR/nowhere (/servers/0/chain)'),
    ("missing file", chain('@"./nowhere.so"'), "nowhere.so: the file: no such file"),
    ("no library", chain('@"./text.so"'), "cannot be loaded: "),
    ("not a module", chain('@"BAD/no_symbol.so"'), "it exports no symbol dtlsd_module: not a dtlsd module"),
    ("something else of that name", chain('@"BAD/wrong_magic.so"'),
     "wrong magic 0x12345678, wanted 0x6474736d: not a dtlsd module"),
    ("other ABI", chain('@"BAD/other_major.so"'), f"built for module ABI 7.{MINOR}, this server runs 0.{MINOR}"),
    ("newer ABI", chain('@"BAD/newer_minor.so"'),
     f"built for module ABI 0.99, which is newer than 0.{MINOR} of this server"),
    ("short table", chain('@"BAD/short_table.so"'), "its table says 24 bytes"),
    ("symbols that nobody has", chain('@"BAD/undefined.so"'), "cannot be loaded: undefined symbol: "),
    ("writable by all", chain('@"./writable.so"'), "not trusted: the file is writable by its others (mode 0666), wanted"
     " by nobody but its owner"),
    ("in a directory that is writable by all", chain('@"./open/echo.so"'), "not trusted: its directory is writable by"
     " its others (mode 0777), wanted by nobody but its owner"),
    ("link", chain('@"./link.so"'), "the file is a symbolic link, wanted the file itself"),
    ("no name of a module", chain('@"Echo"'), 'module "Echo": a name has 1 to 63 of [a-z0-9_], a path has'
     f" a '/' ({ENTRY})" + mean('"echo"')),
    ("takes no options", chain('{ "use": "echo", @"loud": true }'), f'unknown key "loud" ({ENTRY}/loud)'),
    ("the same twice", chain('"echo", @"echo"'),
     'two entries of this chain are named "echo": give one another name (/servers/0/chain/1)'),
]
OPTIONS = [
    ("relay without back-end", chain('@{ "use": "relay" }'), f'"to" is missing: addresses with ports ({ENTRY})'),
    ("relay to port 0", chain('{ "use": "relay", "to": @"127.0.0.1:0" }'),
     f"a back-end needs a port from 1 to 65535 ({ENTRY}/to)"),
    ("relay from another family", chain('{ "use": "relay", "to": "[::1]:5", "source": @"127.0.0.1" }'),
     f"a back-end is IPv6, and no source address is ({ENTRY}/source)"),
    ("prefix with host bits", chain('{ "use": "ip_access", "allow": [ "::/0", @"10.1.2.3/8" ] }'),
     f'"10.1.2.3/8" has bits set behind its prefix ({ENTRY}/allow/1)' + mean('"10.0.0.0/8"')),
    ("line of a file of prefixes", chain('{ "use": "ip_access", "allow_file": @"prefixes" }'),
     f'DIR/prefixes:2: the prefix length is not 0 to 32: "10.0.0.0/33" ({ENTRY}/allow_file)'),
    ("missing file of prefixes", chain('{ "use": "ip_access", "allow_file": @"nowhere" }'),
     f"DIR/nowhere: No such file or directory ({ENTRY}/allow_file)"),
    ("fingerprint", chain('{ "use": "cert_access", "deny": [ { "fingerprint_sha256": @"12" } ] }'),
     f"not the 64 hex digits of a SHA-256 ({ENTRY}/deny/0/fingerprint_sha256)"),
    ("forgiveness for everybody", chain('{ "use": "cert_access", "expired": @"allow" }'),
     f'"allow" is for certificates that fit a rule of "allow", and there is none ({ENTRY}/expired)'),
    ("rate per day", chain('{ "use": "rate_limit", "new_connections": { "per_address": @"5/d" } }'),
     f'"5/d" has an unknown unit: one of /s, /m, /h, as in "5/s" ({ENTRY}/new_connections/per_address)'),
    ("rate of nothing", chain('{ "use": "rate_limit", "new_connections": { "per_address": @"0/s" } }'),
     f"a rate must be above 0 ({ENTRY}/new_connections/per_address)"),
]
TABLES = [TEXT, KEYS, VALUES, ADDRESSES, CERTIFICATES, TRUST, MODULES, OPTIONS]


def place_of_mark(text):
    before = text[:text.index("@")]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


class Place:
    """A directory with a configuration and what it names."""

    def __init__(self, text):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="dtlsd-test-"))
        self.names = {"CERTS": str(places.CERTS), "BAD": places.ill_behaved("x").rpartition("/")[0],
                      "BUILD": str(places.BUILD), "DIR": str(self.path)}
        text = self.fill(text)
        self.line, self.column = place_of_mark(text) if "@" in text else (0, 0)
        (self.path / "dtlsd.json").write_text(text.replace("@", "", 1))
        for name, content in FILES.items():
            (self.path / name).write_text(content)
        echo = places.BUILD / "modules/echo.so"
        (self.path / "open").mkdir()
        for copy, mode in ("writable.so", 0o666), ("open/echo.so", 0o755):
            shutil.copyfile(echo, self.path / copy)
            os.chmod(self.path / copy, mode)
        os.chmod(self.path / "open", 0o777)
        os.symlink(echo, self.path / "link.so")

    def fill(self, text):
        for name, value in self.names.items():
            text = text.replace(name + "/", value + "/")
        return text

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def snapshot(self):
        return {str(p): (p.lstat().st_mtime_ns, p.lstat().st_mode, p.lstat().st_size)
                for p in sorted(self.path.rglob("*"))}


class Wrong(unittest.TestCase):
    def play(self, table):
        for sentence, text, wanted in table:
            with self.subTest(wrong=sentence), Place(text) as place:
                before = place.snapshot()
                done = run("-t", "-c", "dtlsd.json", directory=place.path, environment=ENVIRONMENT)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertEqual(place.snapshot(), before)
                self.check(place, done.stderr, [wanted] if isinstance(wanted, str) else wanted)

    def check(self, place, said, wanted):
        # A machine with few descriptors warns of what relay may take.
        lines = [x for x in said.splitlines() if "limits.connections is" not in x]
        self.assertEqual(len(lines), len(wanted), said)
        for line, text in zip(lines, wanted):
            text = place.fill(text if text.startswith("warning: ") else "error: " + text)
            where, _, what = line.partition(": ")
            self.assertEqual(where, f"dtlsd.json:{place.line}:{place.column}")
            if "module" in what and not text.startswith("error: module"):
                self.assertIn(text.removeprefix("error: "), what)  # behind the name of the module
            else:
                self.assertEqual(what, text)

    def test_text(self):
        self.play(TEXT)

    def test_keys(self):
        self.play(KEYS)

    def test_values(self):
        self.play(VALUES)

    def test_addresses(self):
        self.play(ADDRESSES)

    def test_certificates(self):
        self.play(CERTIFICATES)

    def test_trust(self):
        self.play(TRUST)

    def test_modules(self):
        self.play(MODULES)

    def test_options(self):
        self.play(OPTIONS)

    def test_there_are_many(self):
        self.assertGreaterEqual(sum(len(t) for t in TABLES), 60)

    def test_all_is_told_at_once(self):
        text = top('"worker": 2, "log": { "level": "loud" },\n  "user": 7')
        with Place(text) as place:
            done = run("-t", "-c", "dtlsd.json", directory=place.path)
        self.assertEqual(done.returncode, 1)
        self.assertEqual([line.split(": ", 1)[0] for line in done.stderr.splitlines()],
                         ["dtlsd.json:2:3", "dtlsd.json:2:34", "dtlsd.json:3:11"])

    def test_files_of_all_servers_are_looked_at_at_once(self):
        text = ('{ "user": "no-such-user", "servers": [\n'
                '{ "listen": "127.0.0.1:0", "tls": { "certificate": [ "a.pem",\n"b.pem" ] }, "chain": "echo" },\n'
                '{ "listen": "[::1]:0", "tls": { "certificate": "c.pem" }, "chain": "echo" } ] }')
        with Place(text) as place:
            done = run("-t", "-c", "dtlsd.json", directory=place.path)
        self.assertEqual([line.split(":")[1] for line in done.stderr.splitlines()], ["1", "2", "3", "4"])

    def test_a_start_says_the_same_and_ends_with_1(self):
        for sentence, text, _ in [KEYS[0], CERTIFICATES[0], MODULES[0], OPTIONS[0]]:
            with self.subTest(wrong=sentence), Place(text) as place:
                tried = run("-t", "-c", "dtlsd.json", directory=place.path)
                started = run("-c", "dtlsd.json", directory=place.path)
                self.assertEqual((started.returncode, started.stderr), (1, tried.stderr))

    def test_a_file_that_cannot_be_read_is_named(self):
        with Place("{}") as place:
            done = run("-t", "-c", "nowhere.json", directory=place.path)
            self.assertEqual(done.returncode, 1)
            self.assertIn("nowhere.json: ", done.stderr)
            self.assertIn("No such file or directory", done.stderr)
            done = run("-t", "-c", ".", directory=place.path)
            self.assertEqual(done.returncode, 1)

    def test_a_good_one_is_told_to_be_good(self):
        with Place(server('"idle_timeout": "1m"')) as place:
            before = place.snapshot()
            done = run("-t", "-c", "dtlsd.json", directory=place.path)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout, "dtlsd.json: the configuration is good\n")
            self.assertEqual(place.snapshot(), before)


if __name__ == "__main__":
    parallel.main()

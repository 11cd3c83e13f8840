#!/usr/bin/env python3
"""What dtlsd prints when it is asked: versions, help, the effective configuration, schema, manual."""

import json
import pathlib
import re
import tempfile
import unittest

import jsonschema

import parallel
import places
from dtlsd import echo, run
from test_examples import without_comments


class Words(unittest.TestCase):
    def test_version_tells_what_was_built(self):
        done = run("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for part in r"^dtlsd \d+\.\d+\.\d+ \(", r"^module ABI 0\.\d+$", r"build, sanitizers: ", r"^OpenSSL 3\.":
            self.assertRegex(done.stdout, re.compile(part, re.MULTILINE))

    def test_help_names_every_command(self):
        for option in "--help", "-h":
            done = run(option)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for word in "-c FILE", "-t", "-T", "--dev", "--port", "schema", "--markdown", "--version", "USR1":
                self.assertIn(word, done.stdout)

    def test_wrong_usage_ends_with_2_and_says_so(self):
        for words in (["--nonsense"], ["-x"], ["-c"], ["nonsense"], ["schema", "nonsense"], ["--markdown"],
                      ["--dev", "--port", "70000"], ["--dev", "--port", "x"], ["--dev", "echo", "echo"]):
            with self.subTest(words=words):
                done = run(*words)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn('Try "dtlsd --help".', done.stderr)

    def test_a_missing_module_of_dev_is_told(self):
        done = run("--dev", "ecko", "--port", "0")
        self.assertEqual(done.returncode, 1)
        self.assertIn('did you mean "echo"?', done.stderr)


class SelfTest(unittest.TestCase):
    """Known-answer tests stand before everything else."""

    def test_it_does_not_start_with_ciphers_that_give_no_answer(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "openssl.cnf"
            path.write_text("openssl_conf = init\n[init]\nproviders = providers\n[providers]\nbase = base\n"
                            "[base]\nactivate = 1\n")
            done = run("--dev", "echo", "--port", "0", environment={"OPENSSL_CONF": str(path)})
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, "^dtlsd: known-answer test failed: TLS_")


class Effective(unittest.TestCase):
    """dtlsd -T"""

    SECRET = "not-to-be-seen"

    def dump(self, config, **environment):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "dtlsd.json"
            path.write_text(json.dumps(config))
            (pathlib.Path(directory) / "secret").write_text(self.SECRET)
            done = run("-T", "-c", str(path), environment=environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_secrets_are_masked(self):
        config = echo(tls={"certificate": {"file": places.cert("server.p12"), "password": {"env": "DTLSD_TEST_SECRET"},
                                           "key_password": {"file": "secret"}},
                           "session_reuse": {"ticket_key": {"file": "secret"}}})
        text = self.dump(config, DTLSD_TEST_SECRET=self.SECRET)
        self.assertNotIn(self.SECRET, text)
        self.assertEqual(text.count('"***"'), 3)

    def test_defaults_are_in_it_and_paths_are_absolute(self):
        effective = json.loads(self.dump(echo(tls={"certificate": "server.pem"}, idle_timeout="90s")))
        server = effective["servers"][0]
        self.assertEqual(server["handshake"]["mtu"], 1400)
        self.assertEqual(server["chain"][0]["defer_timeout"], "5s")
        self.assertEqual(server["idle_timeout"], "90s")
        self.assertTrue(server["tls"]["certificate"][0]["file"].startswith("/"))

    def test_what_it_prints_is_a_configuration_that_means_the_same(self):
        config = echo(name="a", listen=["127.0.0.1:4433", "[::1]:4433"], chain=[
            {"use": "ip_access", "allow": ["10.0.0.0/8", "::1"], "default": "allow"},
            {"use": "cert_access", "deny": [{"subject_cn": "x*"}, {"serial": "0A:1B"}]},
            {"use": "rate_limit", "new_connections": {"per_address": "90/m"}},
            {"use": "relay", "to": ["127.0.0.1:5", "127.0.0.1:6"], "idle_timeout": "0s"}])
        once = self.dump(config)
        self.assertEqual(self.dump(json.loads(once)), once)

    def test_a_wrong_configuration_is_not_printed(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "dtlsd.json"
            path.write_text('{ "worker": 1 }')
            done = run("-T", "-c", str(path))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn('did you mean "workers"?', done.stderr)


class Descriptions(unittest.TestCase):
    def setUp(self):
        self.schema = json.loads(run("schema").stdout)

    def test_the_schema_is_one(self):
        jsonschema.Draft202012Validator.check_schema(self.schema)

    def test_the_schema_refuses_what_dtlsd_refuses(self):
        text = (places.SOURCE / "conf/access-control.json").read_text()
        check = jsonschema.Draft202012Validator(self.schema)
        wrong = [('"listen"', '"lisen"'), ('"5/s"', '"5/d"'), ('"default": "deny"', '"default": "denied"'), ("5000", "-1"),
                 ('"10.0.0.0/8"', "10"), ('"per_connection": "200/s"', '"per_conection": "200/s"')]
        self.assertEqual(list(check.iter_errors(json.loads(without_comments(text)))), [])
        for good, bad in wrong:
            with self.subTest(wrong=bad):
                self.assertIn(good, text)
                value = json.loads(without_comments(text.replace(good, bad)))
                self.assertTrue(list(check.iter_errors(value)))

    def test_every_module_is_described(self):
        manual = run("schema", "--markdown").stdout
        for path in (places.BUILD / "modules").glob("*.so"):
            with self.subTest(module=path.stem):
                self.assertIn(f'"{path.stem}"', json.dumps(self.schema))
                self.assertIn(path.stem, manual)

    def test_the_reference_in_the_documentation_is_the_one_that_is_printed(self):
        """After a change of an option table: dtlsd schema --markdown >docs/configuration.md"""
        self.maxDiff = None
        printed = run("schema", "--markdown").stdout
        self.assertEqual((places.SOURCE / "docs/configuration.md").read_text(), printed)


if __name__ == "__main__":
    parallel.main()

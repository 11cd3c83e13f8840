#!/usr/bin/env python3
"""Every file of conf/ does what its comments say, with the commands that stand in them.

  //   $ command     prepares, in the directory of the file
  //   & command     a back-end
  //   > command     a client
Their ports are replaced by free ones, as tests run side by side.
"""

import json
import re
import shlex
import shutil
import subprocess
import unittest

import jsonschema

import parallel
import places
from clients import Client, CoapServer, alert_of, coap_get, echoes, new_word
from dtlsd import Daemon, run

CONF = places.SOURCE / "conf"


def commands(text, sign):
    return re.findall(rf"^//   {re.escape(sign)} (.*)$", text, re.MULTILINE)


def without_comments(text):
    """The JSON in it. No text of the examples holds two slashes."""
    return re.sub(r"//.*", "", text)


class Example:
    """One of them, running; `back` is the address of its back-end."""

    def __init__(self, name, back=None):
        text = (CONF / f"{name}.json").read_text()
        self.client_lines = commands(text, ">")
        self.daemon = Daemon(arguments=["-c", f"{name}.json"], listening=len(
            re.findall(r'"[^"]*:(?:4433|5684)"', text)))
        for line in commands(text, "$"):
            subprocess.run(["sh", "-ec", line], cwd=self.daemon.directory, check=True, capture_output=True)
        text = re.sub(r':(4433|5684)"', ':0"', text)
        if back:
            text = text.replace("127.0.0.1:5683", back)
        (self.daemon.directory / f"{name}.json").write_text(text)

    def __enter__(self):
        self.daemon.__enter__()
        return self

    def __exit__(self, *failed):
        self.daemon.__exit__(*failed)

    def client(self, which=0, without=()):
        """Runs the client's line, with the right port."""
        words = shlex.split(self.client_lines[which])
        for option in without:
            at = words.index(option)
            del words[at:at + 2]
        words = [w.replace("127.0.0.1:4433", f"127.0.0.1:{self.daemon.port}") for w in words]
        words = [str(self.daemon.directory / w) if (self.daemon.directory / w).is_file() else w for w in words]
        return Client(*words)


class Examples(unittest.TestCase):
    def test_echo(self):
        with Example("echo") as e, e.client() as c:
            c.expect(r"Verify return code: 0 \(ok\)")
            echoes(c)

    def test_relay_coap(self):
        with CoapServer() as back, Example("relay-coap", back.address) as e:
            self.assertEqual(shlex.split(e.client_lines[0])[0], "coap-client-openssl")
            ca = str(e.daemon.directory / "server.pem")
            for program in "coap-client-openssl", "coap-client-gnutls":
                core = coap_get(program, f"127.0.0.1:{e.daemon.port}", "/.well-known/core", "-C", ca)
                self.assertIn("</time>", core)

    def test_mutual_tls(self):
        with Example("mutual-tls") as e:
            with e.client() as c:
                echoes(c)
            with e.client(without=["-cert", "-key"]) as c:
                self.assertEqual(alert_of(c), 40)
            e.daemon.wait_for("the client sent no certificate")

    def test_psk(self):
        with Example("psk") as e:
            with e.client() as c:
                c.expect("Cipher is PSK-AES128-CCM8")
                echoes(c)

    def test_access_control(self):
        with Example("access-control") as e, e.client() as c:
            echoes(c)

    def test_broadcast(self):
        with Example("broadcast") as e, e.client() as one, e.client() as two:
            for c in one, two:
                c.expect("Verify return code")
            word = new_word()
            one.say(word)
            two.expect(f"^{word}$")


class Files(unittest.TestCase):
    def test_each_has_its_test(self):
        tests = {x.removeprefix("test_").replace("_", "-") for x in dir(Examples) if x.startswith("test_")}
        self.assertEqual({p.stem for p in CONF.glob("*.json")}, tests)

    def test_each_fits_the_schema(self):
        schema = json.loads(run("schema").stdout)
        jsonschema.Draft202012Validator.check_schema(schema)
        for path in CONF.glob("*.json"):
            with self.subTest(file=path.name):
                value = json.loads(without_comments(path.read_text()))
                jsonschema.validate(value, schema, cls=jsonschema.Draft202012Validator)

    def test_each_is_good_for_the_configuration_test(self):
        for path in CONF.glob("*.json"):
            with self.subTest(file=path.name):
                e = Example(path.stem)
                done = run("-t", "-c", path.name, directory=e.daemon.directory)
                shutil.rmtree(e.daemon.directory)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_each_is_short(self):
        for path in CONF.glob("*.json"):
            self.assertLess(len(path.read_text().splitlines()), 50, path)


if __name__ == "__main__":
    parallel.main()

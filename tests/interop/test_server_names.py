#!/usr/bin/env python3
"""Several certificates: which one a client gets, by the name it asks for and the keys it takes; and
what the CA says about it, stapled."""

import json
import pathlib
import shutil
import tempfile
import unittest

import parallel
from clients import echoes, gnutls_cli, s_client
from dtlsd import Daemon, echo, run
from stores import DAY, DER, NOW, make, pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp


def new_key(bits=0):
    return rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())


def store(certificate, key):
    return {"store_type": "pem_key_blob", "store": pem(certificate) + pem(key)}


class Names(unittest.TestCase):
    def test_the_name_and_the_key_type_choose(self):
        keys = [new_key(), new_key(2048), new_key(), new_key(2048)]
        names = ["a.example"], ["a.example"], ["*.b.example", "b.example"], ["*.c.example"]
        made = [make(key, name[0], sans=name) for key, name in zip(keys, names)]
        ecdsa, any_rsa = ["-sigalgs", "ECDSA+SHA256"], ["-sigalgs", "RSA-PSS+SHA256"]
        rows = [  # name, options, the certificate; None: there is none for both
            ("a.example", [], 0), ("A.Example", ecdsa, 0), ("a.example", any_rsa, 1), ("b.example", [], 2),
            ("x.b.example", [], 2), ("x.b.example", any_rsa, None), ("x.y.b.example", [], 0), ("www.c.example", [], 3),
            ("nobody.example", [], 0), ("nobody.example", any_rsa, 1), (None, [], 0), (None, any_rsa, 1),
        ]
        with Daemon(echo(tls={"certificate": [store(c, k) for c, k in zip(made, keys)]})) as d:
            for name, options, index in rows:
                name_option = ["-servername", name] if name else ["-noservername"]
                with self.subTest(name=name, options=options), s_client(d.address, *name_option, *options, "-showcerts",
                                                                        "-tlsextdebug") as c:
                    if index is None:
                        c.expect("alert handshake failure")
                        continue
                    echoes(c)
                    text = c.text
                    self.assertEqual(x509.load_pem_x509_certificate(text[text.index("-----BEGIN CERT"):].encode()), made[index])
                    known = name and name != "nobody.example" and "y" not in name
                    self.assertEqual('"server name"' in text, bool(known))  # RFC 6066 3: answered when it was used
            with gnutls_cli(d.address, "--sni-hostname", "x.b.example") as c:
                c.expect("subject `CN=\\*.b.example'")
                echoes(c)

    def test_a_session_of_one_name_resumes(self):
        keys = [new_key(), new_key()]
        made = [make(keys[0], "a.example"), make(keys[1], "b.example")]
        directory = tempfile.mkdtemp(prefix="dtlsd-test-")
        self.addCleanup(shutil.rmtree, directory)
        session = f"{directory}/session"
        with Daemon(echo(tls={"certificate": [store(c, k) for c, k in zip(made, keys)]})) as d:
            with s_client(d.address, "-servername", "b.example", "-sess_out", session) as c:
                echoes(c)
                c.end()
            with s_client(d.address, "-servername", "b.example", "-sess_in", session) as c:
                c.expect("^Reused")
                echoes(c)


class Staple(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="dtlsd-test-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.root_key, self.key, self.other_key = new_key(), new_key(), new_key(2048)
        self.root = make(self.root_key, "root", authority=True)
        self.leaf = make(self.key, "a.example", issuer=self.root, issuer_key=self.root_key)
        self.other = make(self.other_key, "a.example", issuer=self.root, issuer_key=self.root_key)

    def answer(self, name, about=None, status=ocsp.OCSPCertStatus.GOOD, first=NOW - DAY, last=NOW + DAY):
        revoked = NOW - DAY if status == ocsp.OCSPCertStatus.REVOKED else None
        response = (ocsp.OCSPResponseBuilder().add_response(about or self.leaf, self.root, hashes.SHA1(), status, first,
                                                            last, revoked, None)
                    .responder_id(ocsp.OCSPResponderEncoding.HASH, self.root).sign(self.root_key, hashes.SHA256()))
        path = self.directory / name
        path.write_bytes(response.public_bytes(DER))
        return str(path)

    def config(self, staple, chain=True):
        tls = {"certificate": [store(self.leaf, self.key), store(self.other, self.other_key)], "ocsp_staple": staple}
        return echo(tls={**tls, "chain": {"encoded": pem(self.root)}} if chain else tls)

    def test_a_client_that_asks_gets_it_with_its_certificate(self):
        root = self.directory / "root.pem"
        root.write_text(pem(self.root))
        ask = ["-status", "-CAfile", str(root)]
        with Daemon(self.config([self.answer("one")])) as d:
            with s_client(d.address, *ask) as c:
                c.expect("OCSP Response Status: successful")
                c.expect("Cert Status: good")
                echoes(c)
            with s_client(d.address, *ask, "-sigalgs", "RSA-PSS+SHA256") as c:
                c.expect("OCSP response: no response sent")
                echoes(c)
            with s_client(d.address) as c:
                echoes(c)
                self.assertNotIn("OCSP", c.text)
        with Daemon(self.config([self.answer("one"), self.answer("two", self.other)])) as d:
            with s_client(d.address, *ask, "-sigalgs", "RSA-PSS+SHA256", "-servername", "a.example") as c:
                c.expect("Cert Status: good")
                echoes(c)

    def test_a_wrong_one_is_refused_at_the_start(self):
        stranger = make(new_key(), "b.example", issuer=self.root, issuer_key=self.root_key)
        old = {"first": NOW - 3 * DAY, "last": NOW - 2 * DAY}
        noise = self.directory / "noise"
        noise.write_text("noise")
        rows = [
            (self.answer("old", **old), "is outside of its dates (valid until "),
            (self.answer("early", first=NOW + DAY, last=NOW + 2 * DAY), "is outside of its dates (valid from "),
            (self.answer("bad", status=ocsp.OCSPCertStatus.REVOKED), "says that the certificate is revoked, or"),
            (self.answer("stranger", stranger), "is about none of the certificates of this server"),
            (str(noise), "is no OCSP response in DER that says something"),
            ("nowhere", "nowhere: no such file or directory"),
            ([self.answer("one"), self.answer("again")], "again: another one is about the same certificate"),
        ]
        for staple, wanted in rows:
            with self.subTest(wanted=wanted):
                said = self.complaint(self.config(staple))
                self.assertIn(wanted, said)
                self.assertIn("(/servers/0/tls/ocsp_staple", said)
        self.assertIn("its issuer is not in the chain", self.complaint(self.config(self.answer("one"), chain=False)))

    def complaint(self, config):
        file = self.directory / "dtlsd.json"
        file.write_text(json.dumps(config))
        done = run("-t", "-c", str(file))
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stderr)
        return done.stderr


if __name__ == "__main__":
    parallel.main()

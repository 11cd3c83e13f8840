#!/usr/bin/env python3
"""Certificate stores of every type: each serves a client, and says what is wrong when it is spoilt."""

import base64
import json
import pathlib
import shutil
import tempfile
import unittest

import parallel
from clients import echoes, s_client
from dtlsd import Daemon, echo, run
from stores import DER, PASSWORD, PEM, RIGHT, SECRET, WRONG, Forms, Token, jwk, make, pem, pkcs12, pkcs7, xml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NO_KEY = "holds no private key"
MISMATCH = "the private key belongs to none of the certificates"
EXPIRED = "the certificate has expired (valid until "
WRONG_PASSWORD = "cannot be decrypted: the password is wrong"
NOTHING = "nothing in a {} is encrypted"

# What is said of each form: with a wrong password, without its key, expired, with another's key.
FORMS = {
    "pfx": (WRONG_PASSWORD, NO_KEY, EXPIRED, MISMATCH),
    "pem": (WRONG_PASSWORD, NO_KEY, EXPIRED, MISMATCH),
    "jwk": (NOTHING.format("jwk_file"), "holds a private key that cannot be decoded", EXPIRED, MISMATCH),
    "ppk": (WRONG_PASSWORD, "is not of its store_type (ppk_file)", EXPIRED, MISMATCH),
    "xml": (NOTHING.format("xml_file"), "holds a private key that cannot be decoded", EXPIRED, MISMATCH),
    "p7b": (WRONG_PASSWORD, NO_KEY, EXPIRED, MISMATCH),
    "pkcs11": ("the token does not take the PIN (password)", NO_KEY, EXPIRED, MISMATCH),
}
SPOILT = ("wrong password", "keyless", "expired", "mismatched")


def b64(data):
    return base64.b64encode(data).decode()


class Stores(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="dtlsd-test-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.forms = Forms(self.directory)
        self.environment = dict(RIGHT)

    def serve(self, certificate, expected, *options, **tls):
        """A client gets exactly this certificate, and its echo."""
        want = expected.fingerprint(hashes.SHA256()).hex(":").upper()
        with Daemon(echo(tls={"certificate": certificate, **tls}), environment=self.environment) as d:
            with s_client(d.address, "-showcerts", *options) as c:
                echoes(c)
                text = c.text
        served = x509.load_pem_x509_certificate(text[text.index("-----BEGIN CERT"):].encode())
        self.assertEqual(served.fingerprint(hashes.SHA256()).hex(":").upper(), want)
        return text

    def complaint(self, certificate, environment=None, **tls):
        """What dtlsd -t says, without the place, which is checked."""
        file = self.directory / "dtlsd.json"
        file.write_text(json.dumps(echo(tls={"certificate": certificate, **tls})))
        done = run("-t", "-c", str(file), environment={**self.environment, **(environment or {})})
        self.assertEqual(done.returncode, 1, f"{certificate} is taken")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertRegex(done.stderr, r"^\S+dtlsd\.json:\d+:\d+: error: .* \(/servers/0/tls/\S+\)")
        self.assertNotIn("secret", done.stderr)
        return done.stderr.split(": error: ", 1)[1].strip()

    def play(self, name, form):
        certificate = self.forms.parts("good", rsa_key=name == "xml")[0]
        self.serve(form("good"), certificate)
        for how, wanted in zip(SPOILT, FORMS[name]):
            with self.subTest(form=name, how=how):
                if how != "wrong password":
                    said = self.complaint(form(how))
                elif name in ("jwk", "xml"):
                    said = self.complaint({**form("good"), "password": PASSWORD}, WRONG)
                else:
                    said = self.complaint(form("good"), WRONG)
                print(f"{name}, {how}: {said}")
                self.assertIn(wanted, said)

    def test_pfx(self):
        self.play("pfx", self.forms.pfx)

    def test_pem(self):
        self.play("pem", self.forms.pem)

    def test_jwk(self):
        self.play("jwk", self.forms.jwk)

    def test_ppk(self):
        self.play("ppk", self.forms.ppk)

    def test_xml(self):
        self.play("xml", self.forms.xml)

    def test_p7b(self):
        self.play("p7b", self.forms.p7b)

    def test_pkcs11(self):
        token = Token(self.directory)
        self.environment.update(token.environment)
        for how in "good", "keyless", "expired", "mismatched":
            token.put(how, *self.forms.parts(how))

        def form(how):
            return {"store_type": "pkcs11", "store": token.uri(how), "password": PASSWORD}

        self.play("pkcs11", form)
        self.serve({"file": token.uri("good"), "password": PASSWORD}, self.forms.certificates[False])
        good = form("good")
        rows = [
            ({"store_type": "pkcs11", "store": token.uri("good")}, "the token wants a PIN, and no password"),
            ({**good, "store": "pkcs11:token=test?pin-value=1"}, "a PIN does not stand in the URI"),
            ({**good, "store": "pkcs11:token=test?module-path=/nowhere.so"}, "library of the token cannot be loaded"),
            ({**good, "store": token.uri("nobody")}, "holds no certificate"),
        ]
        for store, wanted in rows:
            self.assertIn(wanted, self.complaint(store))

    def test_every_type_and_what_auto_takes_for_it(self):
        f = self.forms
        certificate, key = f.parts("good")
        encoded = pem(certificate)
        pfx = pkcs12.serialize_key_and_certificates(b"x", key, certificate, None, SECRET)
        p7b = pkcs7.serialize_certificates([certificate], PEM)
        plain = pem(certificate) + pem(key)
        key_file = f.file("key.der", key.private_bytes(DER, serialization.PrivateFormat.PKCS8, SECRET))
        ppk3 = f.putty("plain", key, 3, encrypted=False)
        ssh = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        locked = {"password": PASSWORD}
        der_key = {"file": key_file, **locked}
        rows = {
            "pfx_blob": {"store_type": "pfx_blob", "store_base64": b64(pfx), **locked},
            "pfx_blob from a variable": {"store_type": 3, "store_base64": {"env": "STORE_BLOB"}, **locked},
            "pem_key_blob": {"store_type": "pem_key_blob", "store": plain},
            "public_key_file": {"cert": {"store_type": "public_key_file", "store": f.file("c.der", certificate.public_bytes(DER))},
                                "key": der_key},
            "public_key_blob": {"cert": {"store_type": 9, "store": encoded}, "key": der_key},
            "p7b_blob": {"cert": {"store_type": "p7b_blob", "store_base64": b64(p7b)}, "key": der_key},
            "ssh_public_key_file": {"cert": {"store_type": 13, "store": f.file("key.pub", ssh), "encoded": encoded},
                                    "key": der_key},
            "ssh_public_key_blob": {"cert": {"store_type": 10, "store": ssh.decode(), "encoded": encoded}, "key": der_key},
            "ppk_file, version 3": {"store_type": "ppk_file", "store": ppk3, "encoded": encoded},
            "ppk_blob": {"store_type": "ppk_blob", "store": pathlib.Path(ppk3).read_text(), "encoded": encoded},
            "jwk_blob": {"store_type": "jwk_blob", "store": jwk(key, certificate)},
            "jwk_blob without x5c": {"cert": {"encoded": encoded}, "key": {"store_type": 19, "store": jwk(key)}},
            "auto: PFX": {"file": f.file("a.1", pfx), **locked},
            "auto: P7B": {"cert": f.file("a.2", p7b), "key": der_key},
            "auto: DER": {"cert": f.file("a.3", certificate.public_bytes(DER)), "key": der_key},
            "auto: JWK": f.file("a.4", jwk(key, certificate)),
            "auto: PPK": {"file": ppk3, "encoded": encoded},
            "auto: PEM": {"store_type": 99, "store": f.file("a.5", plain)},
            "auto: a text": plain,
            "auto: a PFX as Base64": {"store": f.file("a.6", base64.encodebytes(pfx)), **locked},
        }
        self.environment["STORE_BLOB"] = b64(pfx)
        for name, row in rows.items():
            with self.subTest(store=name):
                file = self.directory / "dtlsd.json"
                file.write_text(json.dumps(echo(tls={"certificate": row})))
                done = run("-t", "-c", str(file), environment=self.environment)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
        blob = {"store_type": "xml_blob", "store": xml(f.rsa), "encoded": pem(f.rsa_certificates[False])}
        self.serve(blob, f.rsa_certificates[False])
        self.serve(rows["pfx_blob"], certificate)

    def test_what_is_refused_says_why(self):
        f = self.forms
        certificate, key = f.parts("good")
        ppk3 = f.putty("locked", key, 3)
        rows = [
            ({"store_type": "jks_file", "store": "x"}, "not supported (402); export it as PKCS#12 and use pfx_file"),
            ({"store_type": 1, "store": "MY"}, "not supported (402)"),
            ({"store_type": 21, "store": "x"}, "not supported (402)"),
            ({"store_type": "ppk_file", "store": ppk3, "password": PASSWORD, "encoded": pem(certificate)},
             "is an encrypted PPK 3: its Argon2 is not in this OpenSSL; write it as PPK 2"),
            ({"store_type": "ppk_file", "store": f.putty("bare", key, 2), "password": PASSWORD},
             'holds no certificate (a key alone: give its certificate as "encoded")'),
            ({"store_type": "pfx_file", "store": f.file("x.pem", pem(certificate))}, "is not of its store_type (pfx_file)"),
            ({"store_type": "pfx_file", "store": f.file("empty", "")}, "is not of its store_type (pfx_file)"),
            ({"store": f.file("noise", b"\x00\x01\x02")}, "is no certificate store that is known here"),
            ({"store_type": "pfx_file", "store": "nowhere.pfx"}, "nowhere.pfx: no such file or directory"),
            ({**f.pem("good"), "subject": "CN=nobody"}, "holds no certificate with this subject or thumbprint"),
            ({**f.ppk("good"), "encoded": "AAAA"}, "encoded: holds a certificate that cannot be decoded"),
            ({"cert": f.p7b("keyless"), "key": {"store_type": "xml_blob", "store": xml(f.rsa)}}, MISMATCH),
        ]
        for store, wanted in rows:
            with self.subTest(wanted=wanted):
                said = self.complaint(store)
                print(said)
                self.assertIn(wanted, said)

    def test_a_subject_or_a_thumbprint_selects(self):
        """Two certificates with their keys in one file."""
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
        unit = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Fleet, Inc")
        certificates = [make(keys[0], "www.example"), make(keys[1], "www.example.org", more=[unit])]
        file = self.forms.file("two.pem", "".join(pem(x) for x in certificates + keys[::-1]))
        md5, sha1 = (certificates[1].fingerprint(h).hex() for h in (hashes.MD5(), hashes.SHA1()))
        rows = [
            ({}, 0), ({"subject": "*"}, 0), ({"subject": "CN=www.example"}, 0), ({"subject": "cn=www.example.org"}, 1),
            ({"subject": 'CN=www.example.org, O="Fleet, Inc"'}, 1), ({"subject": r"O=Fleet\, Inc,CN=www.example.org"}, 1),
            ({"subject": "example.org"}, 1), ({"subject": "Fleet"}, 1), ({"thumbprint": md5.upper()}, 1),
            ({"thumbprint": ":".join(sha1[i:i + 2] for i in range(0, 40, 2))}, 1), ({"subject": f"Thumbprint={sha1}"}, 1),
            ({"thumbprint": certificates[0].fingerprint(hashes.SHA256()).hex()}, 0),
        ]
        config = echo()
        server = config["servers"][0]
        config["servers"] = [{**server, "tls": {"certificate": {"file": file, **row}}} for row, _ in rows]
        with Daemon(config) as d:
            for (row, index), addresses in zip(rows, d.addresses.values()):
                with self.subTest(row=row), s_client(addresses[0], "-showcerts") as c:
                    echoes(c)
                    served = x509.load_pem_x509_certificate(c.text[c.text.index("-----BEGIN CERT"):].encode())
                    self.assertEqual(served, certificates[index])

    def test_clients_are_believed_by_stores_of_every_type(self):
        """client_ca and chain take stores too."""
        f = self.forms
        root_key, middle_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        root = make(root_key, "root", authority=True)
        middle = make(middle_key, "middle", issuer=root, issuer_key=root_key, authority=True)
        leaf = make(key, "localhost", issuer=middle, issuer_key=middle_key)
        certificate = {"store_type": "pem_key_blob", "store": pem(leaf) + pem(key)}
        device = f.file("device.pem", pem(make(f.other, "device", issuer=root, issuer_key=root_key)) + pem(f.other))
        p7b = f.file("ca.p7b", pkcs7.serialize_certificates([root, f.certificates[False]], DER))
        authority = {"store_type": "p7b_file", "store": p7b, "subject": "root"}
        for ca in authority, {"encoded": pem(root)}, pem(root), f.file("ca.der", root.public_bytes(DER)):
            with self.subTest(ca=ca):
                text = self.serve(certificate, leaf, "-cert", device, "-key", device, "-CAfile", f.file("root.pem", pem(root)),
                                  authenticate_clients="required", client_ca=ca, chain={"encoded": pem(middle)})
                self.assertEqual(text.count("BEGIN CERTIFICATE"), 2)  # the root is not sent


if __name__ == "__main__":
    parallel.main()

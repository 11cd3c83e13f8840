"""One server certificate in every form that a store can have, and each form spoilt in a few ways.

    forms = Forms(directory)
    forms.pfx("good")       # what the configuration names; "keyless", "expired", "mismatched"

Every password is "secret"; a configuration takes it from the variable STORE_PASSWORD.
"""

import base64
import datetime
import functools
import json
import os
import pathlib
import subprocess

import places
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import NameOID

PASSWORD = {"env": "STORE_PASSWORD"}
RIGHT, WRONG = {"STORE_PASSWORD": "secret"}, {"STORE_PASSWORD": "other"}
NOW = datetime.datetime.utcnow().replace(microsecond=0)
DAY = datetime.timedelta(days=1)
OLD_DATES = {"first": NOW - 9 * DAY, "last": NOW - 2 * DAY}
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PKCS8, OLD = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
SECRET = serialization.BestAvailableEncryption(b"secret")


def make(key, name="localhost", first=NOW - DAY, last=NOW + 30 * DAY, sans=None, issuer=None, issuer_key=None, more=(),
         authority=False):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), *more])
    names = [x509.DNSName(n) for n in (sans if sans is not None else [name])]
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject if issuer else subject)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(first).not_valid_after(last))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
    return builder.sign(issuer_key or key, hashes.SHA256())


def pem(thing, encryption=serialization.NoEncryption(), form=PKCS8):
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(PEM).decode()
    return thing.private_bytes(PEM, form, encryption).decode()


def number(value, size=None):
    return value.to_bytes(size or (value.bit_length() + 7) // 8, "big")


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(key, certificate=None):
    private = key.private_numbers()
    public = private.public_numbers
    out = {"kty": "EC", "crv": "P-256", "x": url64(number(public.x, 32)), "y": url64(number(public.y, 32)),
           "d": url64(number(private.private_value, 32))}
    if certificate:
        out["x5c"] = [base64.b64encode(certificate.public_bytes(DER)).decode()]
    return json.dumps(out).replace("/", "\\/")  # as PHP writes it


def xml(key):
    private = key.private_numbers()
    public = private.public_numbers
    parts = [("Modulus", public.n), ("Exponent", public.e), ("P", private.p), ("Q", private.q), ("DP", private.dmp1),
             ("DQ", private.dmq1), ("InverseQ", private.iqmp), ("D", private.d)]
    inner = "".join(f"<{name}>{base64.b64encode(number(value)).decode()}</{name}>" for name, value in parts)
    return f"<RSAKeyValue>{inner}</RSAKeyValue>"


def token_library():
    for path in "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so":
        if os.path.exists(path):
            return path
    raise AssertionError("SoftHSM is not installed: run tools/deps.sh test")


class Token:
    """A token of SoftHSM with objects of its own, PIN "secret"."""

    def __init__(self, directory):
        (directory / "tokens").mkdir()
        self.configuration = directory / "softhsm2.conf"
        self.configuration.write_text(f"directories.tokendir = {directory}/tokens\nlog.level = ERROR\n")
        # The engine leaks its methods at the end of any process, 770 bytes of them.
        self.environment = {"SOFTHSM2_CONF": str(self.configuration),
                            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        self.library = token_library()
        self.directory = directory
        self.run("softhsm2-util", "--init-token", "--free", "--label", "test", "--pin", "secret", "--so-pin", "officer")

    def run(self, program, *arguments):
        subprocess.run([places.tool(program), *arguments], env={**os.environ, **self.environment}, check=True,
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=30)

    def put(self, label, certificate, key):
        for thing, option in (certificate, "--load-certificate"), (key, "--load-privkey"):
            if thing:
                file = self.directory / "object.pem"
                file.write_text(pem(thing))
                self.run("p11tool", "--provider", self.library, "--login", "--set-pin", "secret", "--write",
                         "--label", label, "--id", label.encode().hex(), option, str(file), "pkcs11:token=test")

    def uri(self, label):
        return f"pkcs11:token=test;object={label}?module-path={self.library}"


class Forms:
    """Every method but the last few takes one of "good", "keyless", "expired" and "mismatched"."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.key, self.other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.certificates = {False: make(self.key), True: make(self.key, **OLD_DATES)}

    @functools.cached_property
    def rsa(self):
        return rsa.generate_private_key(65537, 2048)

    @functools.cached_property
    def rsa_certificates(self):
        return {False: make(self.rsa), True: make(self.rsa, **OLD_DATES)}

    def file(self, name, content):
        path = self.directory / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def parts(self, how, rsa_key=False):
        key, certificates = (self.rsa, self.rsa_certificates) if rsa_key else (self.key, self.certificates)
        if how == "mismatched":
            key = rsa.generate_private_key(65537, 2048) if rsa_key else self.other
        return certificates[how == "expired"], None if how == "keyless" else key

    def pfx(self, how):
        certificate, key = self.parts(how)
        if how == "mismatched":
            data = pkcs12.serialize_key_and_certificates(b"x", key, None, [certificate], SECRET)
        else:
            data = pkcs12.serialize_key_and_certificates(b"x", key, certificate, None, SECRET)
        return {"store_type": "pfx_file", "store": self.file(f"{how}.pfx", data), "password": PASSWORD}

    def pem(self, how):
        certificate, key = self.parts(how)
        text = pem(certificate) + (pem(key, SECRET) if key else "")
        return {"store_type": "pem_key_file", "store": self.file(f"{how}.pem", text), "password": PASSWORD}

    def jwk(self, how):
        certificate, key = self.parts(how)
        text = jwk(key, certificate) if key else '{"kty": "EC"}'
        return {"store_type": "jwk_file", "store": self.file(f"{how}.jwk", text)}

    def ppk(self, how):
        certificate, key = self.parts(how)
        if key is None:
            return {"store_type": "ppk_file", "store": self.file("keyless.ppk", "nothing\n"), "password": PASSWORD,
                    "encoded": pem(certificate)}
        return {"store_type": "ppk_file", "store": self.putty(how, key, 2), "password": PASSWORD,
                "encoded": pem(certificate)}

    def xml(self, how):
        certificate, key = self.parts(how, rsa_key=True)
        text = xml(key) if key else "<RSAKeyValue><Modulus>AQAB</Modulus></RSAKeyValue>"
        encoded = base64.b64encode(certificate.public_bytes(DER)).decode()
        return {"store_type": "xml_file", "store": self.file(f"{how}.xml", text), "encoded": encoded}

    def p7b(self, how):
        certificate, key = self.parts(how)
        data = pkcs7.serialize_certificates([certificate], DER)
        store = {"store_type": "p7b_file", "store": self.file(f"{how}.p7b", data)}
        if not key:
            return store
        text = self.file(f"{how}-p7b.key", pem(key, SECRET))
        return {"cert": store, "key": {"store": text, "password": PASSWORD}}

    def putty(self, name, key, version, encrypted=True):
        source, password = self.file(f"{name}.openssl", pem(key, form=OLD)), self.file("password", "secret")
        out = str(self.directory / f"{name}-{version}{'' if encrypted else '-plain'}.ppk")
        os.chmod(source, 0o600)
        command = [places.tool("puttygen"), source, "-O", "private", "-o", out, "--ppk-param", f"version={version}"]
        subprocess.run(command + (["--new-passphrase", password] if encrypted else []), check=True, timeout=30,
                       stdin=subprocess.DEVNULL, capture_output=True)
        return out

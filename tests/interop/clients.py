"""The clients and back-ends that other people wrote. Each is a process with its output at hand.

    with s_client(address) as c:
        c.expect("Cipher is")
        c.say("hello")
        c.expect("^hello$")
        c.end()                      # stdin closed; waits, gives the exit code
"""

import itertools
import os
import re
import socket
import subprocess
import tempfile

import places
from dtlsd import PATIENCE, Output, tail


class Client:
    def __init__(self, *command, environment=None):
        self.process = subprocess.Popen(
            [places.tool(command[0]), *command[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, "LC_ALL": "C", **(environment or {})})
        self.output = Output(self.process.stdout, chunks=True)
        self.expect = self.output.expect

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.leave()
        self.output.join()

    def say(self, line):
        """One line becomes one datagram. It must not begin with a command of s_client (Q, R, B …)."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def leave(self):
        """No more input: the client says goodbye. s_client takes half a second for it, so many of
        them had better leave before the first is waited for."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    def end(self):
        """leave() and wait()."""
        self.leave()
        return self.wait()

    def wait(self):
        """Waits for an end that somebody else causes. Returns the exit code."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end; it said:\n{tail(self.text)}") from None
        self.output.join()
        return code

    @property
    def text(self):
        return self.output.text


def s_client(address, *options):
    return Client("openssl", "s_client", "-dtls1_2", "-connect", address, *options)


def gnutls_cli(address, *options):
    host, _, port = address.rpartition(":")
    return Client("gnutls-cli", "--udp", "--insecure", *options, "-p", port, host.strip("[]"))


_words = itertools.count()


def new_word():
    """A line that no output of a client holds by accident."""
    return f"word-{os.getpid()}-{next(_words)}"


def echoes(client):
    """Says something and hears it again. Both clients show only what comes back, not what is typed."""
    word = new_word()
    client.say(word)
    client.expect(rf"^{word}$")


# What OpenSSL prints of an alert that it got: "...:SSL alert number 42".
ALERT = re.compile(r"SSL alert number (\d+)")


def alert_of(client):
    """The alert that s_client got in place of a connection. Waits for its end."""
    client.wait()
    numbers = ALERT.findall(client.text)
    assert numbers, f"it got no alert:\n{tail(client.text)}"
    return int(numbers[-1])


class CoapServer:
    """libcoap's plain server, on a free port."""

    def __enter__(self):
        for _ in range(5):  # the port is free until somebody else takes it
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.bind(("127.0.0.1", 0))
                self.port = s.getsockname()[1]
            self.process = subprocess.Popen(
                [places.tool("coap-server-notls"), "-A", "127.0.0.1", "-p", str(self.port)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if self._answers():
                self.address = f"127.0.0.1:{self.port}"
                return self
            self.__exit__()
        raise AssertionError("coap-server-notls does not answer")

    def _answers(self):
        """An empty confirmable message is answered by a reset (RFC 7252 4.3)."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", self.port))
            s.settimeout(0.05)
            for _ in range(int(PATIENCE / 0.05)):
                if self.process.poll() is not None:
                    return False
                try:
                    s.send(b"\x40\x00\x12\x34")
                    return s.recv(100) == b"\x70\x00\x12\x34"
                except (ConnectionRefusedError, socket.timeout):
                    pass
        return False

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def coap_get(program, address, path, *options):
    """The payload that a CoAP client shows. `program`: coap-client-openssl or coap-client-gnutls."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [places.tool(program), "-m", "get", "-B", str(PATIENCE), *options, f"coaps://{address}{path}"],
            capture_output=True, text=True, timeout=2 * PATIENCE, cwd=home, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

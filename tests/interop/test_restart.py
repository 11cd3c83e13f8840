#!/usr/bin/env python3
"""A client that is killed and starts again on its port, while somebody sends hellos in its name."""

import itertools
import os
import socket
import struct
import threading
import unittest

import parallel
import places
from clients import echoes, new_word, s_client
from dtlsd import Daemon, echo
from proxy import ALERT, APPLICATION_DATA, HANDSHAKE, split

KEY = b"secret".hex()
CBC = "ECDHE-ECDSA-AES128-SHA256"
LIMITS = {"connections": 1, "hellos_per_prefix": "10000/s"}
REPLACED = "disconnected: the client began a new connection from the same address"


def vector(width, data):
    return len(data).to_bytes(width, "big") + data


def record(kind, epoch, number, body):
    return struct.pack("!BHH", kind, 0xfefd, epoch) + number.to_bytes(6, "big") + vector(2, body)


def hello(cookie, second):
    """A ClientHello of nobody; `second`: it says that it answers a HelloVerifyRequest."""
    extensions = b"\0\x0a\0\4\0\2\0\x1d" b"\0\x0d\0\4\0\2\4\3"
    body = b"\xfe\xfd" + os.urandom(32) + b"\0" + vector(1, cookie) + vector(2, b"\xc0\x2b\0\xff") + b"\1\0" \
        + vector(2, extensions)
    length = len(body).to_bytes(3, "big")
    return record(HANDSHAKE, 0, second, b"\1" + length + struct.pack("!H", second) + b"\0\0\0" + length + body)


def noise(beside):
    """Datagrams without end. `beside`: none that is answered by what a client in its handshake would take for
    its own, and no sealed one, which a handshake may hold for the client's."""
    for n in itertools.count():
        yield hello(b"", 0)
        yield hello(os.urandom(32), 0 if beside else 1)
        yield hello(os.urandom(n % 256), 0 if beside else n % 3)
        yield record(ALERT, 0, n, bytes([2, n % 256]))
        if not beside:
            yield record(APPLICATION_DATA, 1, n, os.urandom(40))
            yield record(HANDSHAKE, 1, 0, os.urandom(40))


class Forger:
    """About 1,000 hellos a second from the port of a client while the block runs, by a socket beside the client's own.
    That one is connected: what the server answers goes there."""

    def __init__(self, server, datagrams, most=30000):
        self._server, self._datagrams = split(server), itertools.islice(datagrams, most)
        self.sent = 0
        self._ended, self._changed = False, threading.Condition()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as s_client does
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.client = "127.0.0.1:%d" % self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        return self

    def start(self):
        self._thread.start()

    def _run(self):
        with self._changed:
            while not self._ended and self._burst():
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._ended, 0.005)

    def _burst(self):
        sent = 0
        for sent, datagram in enumerate(itertools.islice(self._datagrams, 7), 1):
            self._socket.sendto(datagram, self._server)
        self.sent += sent
        try:
            while self._socket.recv(65535):  # while there is no client
                pass
        except BlockingIOError:
            pass
        return sent

    def wait(self, count):
        """Until so many more are sent."""
        with self._changed:
            wanted = self.sent + count
            assert self._changed.wait_for(lambda: self.sent >= wanted, 60), "the forger has ended"

    def __exit__(self, *_):
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._thread.ident:
            self._thread.join()
        self._socket.close()


def client(daemon, forger, *options):
    # Its socket must not block, for it gets answers to hellos that are not its own; it is quiet, else it tells
    # of each in the middle of a line.
    return s_client(daemon.address, "-nbio", "-quiet", "-no_ign_eof", "-bind", forger.client, *options)


def connects(daemon, forger, *options):
    """A client that is in and has echoed. An answer to a forged hello may come between its first hello and
    the server's own answer; it cannot know, and has to start again."""
    for _ in range(4):
        c = client(daemon, forger, *options)
        word = new_word()
        try:
            c.say(word)
            c.expect(rf"^{word}$", timeout=5)
            return c
        except AssertionError as e:
            kill(c)
            error = e
    raise error


def kill(c):
    """It has no time for a close_notify."""
    c.process.kill()
    c.__exit__()


def connections(daemon, message):
    """The ids of the connections that the log says this of, in their order."""
    return [line["connection"] for line in daemon.lines() if line["message"].startswith(message)]


class Restart(unittest.TestCase):
    def server(self, **tls):
        return Daemon(echo(tls={"certificate": places.cert("server.pem"), **tls}, limits=LIMITS))

    def restart(self, daemon, first=(), later=(), times=4):
        with daemon as d, Forger(d.address, noise(beside=True)) as forger:
            c = connects(d, forger, *first)
            forger.start()
            for _ in range(times):
                kill(c)
                forger.wait(50)
                c = connects(d, forger, *later)
            kill(c)
            d.wait_for("^connected: ", times + 1)
            connected, replaced = connections(d, "connected: "), connections(d, REPLACED)
            order = [line["message"].partition(":")[0] for line in d.lines()
                     if line["message"].startswith(("connected: ", "disconnected: "))]
            d.stop()
            d.clean()
        self.assertEqual(len(set(connected)), len(connected))
        self.assertEqual(replaced, connected[:-1])
        self.assertEqual(order, ["connected"] + ["disconnected", "connected"] * (len(connected) - 1))
        self.assertGreater(d.counters["datagrams.no_cookie"], 50 * times / 2)

    def test_it_is_connected_at_once_in_place_of_the_old_one(self):
        self.restart(self.server())

    def test_with_a_pre_shared_key(self):
        d = self.server()
        psk = d.directory / "psk"
        psk.write_text(f"device-1:{KEY}\n")
        d.configure(echo(tls={"psk": str(psk)}, limits=LIMITS))
        options = "-psk_identity", "device-1", "-psk", KEY
        self.restart(d, options, options)

    def test_with_records_of_openssl(self):
        options = "-cipher", CBC
        self.restart(self.server(cipher_suites=[CBC]), options, options)

    def test_with_a_ticket(self):
        d = self.server()
        ticket = str(d.directory / "ticket")
        self.restart(d, ("-sess_out", ticket), ("-sess_in", ticket))
        self.assertGreaterEqual(d.counters["handshakes_resumed"], 4)


class Forged(unittest.TestCase):
    def test_what_is_sent_in_its_name_does_not_touch_a_client(self):
        for suites in None, [CBC]:
            tls = {"certificate": places.cert("server.pem"), **({"cipher_suites": suites} if suites else {})}
            with self.subTest(suites=suites), Daemon(echo(tls=tls, limits=LIMITS)) as d, \
                    Forger(d.address, noise(beside=False)) as forger, \
                    client(d, forger, *(["-cipher", CBC] if suites else [])) as c:
                echoes(c)
                forger.start()
                for _ in range(10):
                    forger.wait(150)
                    echoes(c)
                self.assertEqual(len(connections(d, "connected: ")), 1)
                self.assertEqual(connections(d, "disconnected: "), [])
                c.end()
                d.wait_for("^disconnected: closed by the client")
                self.assertEqual(connections(d, "disconnected: "), connections(d, "connected: "))
                self.assertEqual(d.messages("not connected"), [])


if __name__ == "__main__":
    parallel.main()

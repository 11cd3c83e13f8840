"""A UDP proxy that stands between clients and a daemon: it sees, loses, repeats and records datagrams.

    with Proxy(daemon.address) as p:
        p.filter = lambda up, data: []            # loses everything; the default passes it on
        s_client(p.address) ...
    p.write_pcap(path)                            # for tshark, which then needs no rights
"""

import random
import selectors
import socket
import struct
import threading
import time

# Of DTLS records (RFC 6347 4.1).
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23


def records(datagram):
    """Yields (type, epoch, body) of every record."""
    at = 0
    while at + 13 <= len(datagram):
        kind, _, epoch = struct.unpack_from("!BHH", datagram, at)
        length = struct.unpack_from("!H", datagram, at + 11)[0]
        yield kind, epoch, datagram[at + 13:at + 13 + length]
        at += 13 + length


def holds(datagram, wanted):
    """Whether a record of this type is in the datagram."""
    return any(kind == wanted for kind, _, _ in records(datagram))


class Proxy:
    def __init__(self, server):
        self.server = split(server)
        self.filter = lambda up, data: [data]
        self.seen = []  # (seconds, up, client, datagram), as they came, before the filter
        self.lost = 0   # of lose()
        self._loss = 0, 0
        self._dice = {}  # (place of the client, up) -> random numbers
        self._changed = threading.Condition()
        self._sockets = {}  # client -> socket towards the server
        self._selector = selectors.DefaultSelector()

    def __enter__(self):
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self.port = self._front.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._bell, self._ring = socket.socketpair()
        self._selector.register(self._bell, selectors.EVENT_READ, None)
        self._selector.register(self._front, selectors.EVENT_READ, self._from_client)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ring.send(b"x")
        self._thread.join()
        self._selector.close()
        for s in [self._front, self._bell, self._ring, *self._sockets.values()]:
            s.close()

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                key.data(key.fileobj)

    def _note(self, up, client, data):
        with self._changed:
            self.seen.append((time.time(), up, client, data))
            self._changed.notify_all()

    def _pass_on(self, up, client, data):
        """What becomes of a datagram: the datagrams that go on."""
        self._note(up, client, data)
        percent, seed = self._loss
        if percent:
            whose = list(self._sockets).index(client), up
            if whose not in self._dice:
                self._dice[whose] = random.Random(f"{seed} {whose}")
            if self._dice[whose].randrange(100) < percent:
                self.lost += 1
                return []
        return self.filter(up, data)

    def _from_client(self, front):
        data, client = front.recvfrom(65535)
        back = self._sockets.get(client)
        if back is None:
            back = self._sockets[client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            back.connect(self.server)
            self._selector.register(back, selectors.EVENT_READ, lambda s: self._from_server(s, client))
        for each in self._pass_on(True, client, data):
            back.send(each)

    def _from_server(self, back, client):
        try:
            data = back.recv(65535)
        except ConnectionRefusedError:
            return
        for each in self._pass_on(False, client, data):
            self._front.sendto(each, client)

    def datagrams(self, up):
        with self._changed:
            return [data for _, way, _, data in self.seen if way == up]

    def lose(self, percent, seed):
        """Loses so many datagrams, each way. Whether the nth of a client gets lost follows from the seed."""
        self._loss = percent, seed

    def lose_first(self, kind):
        """Loses the server's first datagram with such a record; it is in the list that is returned."""
        lost = []

        def lose(up, data):
            if not up and not lost and holds(data, kind):
                lost.append(data)
                return []
            return [data]

        self.filter = lose
        return lost

    def wait(self, found, what, timeout=30):
        """Waits until found(self) is true; it is asked after each datagram."""
        with self._changed:
            if not self._changed.wait_for(lambda: found(self), timeout):
                raise AssertionError(f"{timeout} s passed without {what}")

    def write_pcap(self, path):
        """All that came, between the clients and the proxy's own port. IPv4, no link layer."""
        with open(path, "wb") as f:
            f.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 228))
            for when, up, client, data in self.seen:
                here = ("127.0.0.1", self.port)
                packet = udp_packet(*((client, here) if up else (here, client)), data)
                whole = int(when)
                f.write(struct.pack("=IIII", whole, int((when - whole) * 1e6), len(packet), len(packet)))
                f.write(packet)


def split(address):
    host, _, port = address.rpartition(":")
    return host, int(port)


def udp_packet(source, target, data):
    """Checksums are left out: nobody looks."""
    udp = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0) + data
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0,
                     socket.inet_aton(source[0]), socket.inet_aton(target[0]))
    return ip + udp

"""GnuTLS as a library, for what gnutls-cli does not do on command: HeartbeatRequests of its own.

    with Session(address, heartbeat=MAY_SEND) as s:
        s.ping(300)                  # waits for the response, which GnuTLS compares
        s.say(b"hello")
        s.hear()                     # b"hello"
"""

import ctypes
import socket

from dtlsd import PATIENCE

MAY_SEND, MAY_NOT_SEND = 1, 2  # what the server may
_LOCAL_MAY_SEND = 1 << 2

_CLIENT, _DATAGRAM, _CERTIFICATE = 2, 4, 1
_AGAIN, _INTERRUPTED, _TIMED_OUT, _PING_RECEIVED = -28, -52, -319, -293
_WAIT = 1


def _library():
    library = ctypes.CDLL("libgnutls.so.30")
    library.gnutls_strerror.restype = ctypes.c_char_p
    library.gnutls_record_recv.restype = library.gnutls_record_send.restype = ctypes.c_ssize_t
    library.gnutls_deinit.restype = library.gnutls_certificate_free_credentials.restype = None
    return library


class Refused(Exception):
    """A call of the library failed."""


class Session:
    def __init__(self, address, heartbeat=None, priority="NORMAL"):
        self._library = _library()
        self._session, self._credentials = ctypes.c_void_p(), ctypes.c_void_p()
        self.requests = 0  # of the server, answered
        host, _, port = address.rpartition(":")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((host, int(port)))
        self._call("gnutls_certificate_allocate_credentials", ctypes.byref(self._credentials))
        self._call("gnutls_init", ctypes.byref(self._session), _CLIENT | _DATAGRAM)
        self._on("gnutls_priority_set_direct", priority.encode(), None)
        self._on("gnutls_credentials_set", _CERTIFICATE, self._credentials)
        self._library.gnutls_transport_set_int2(self._session, self._socket.fileno(), self._socket.fileno())
        self._library.gnutls_handshake_set_timeout(self._session, 1000 * PATIENCE)
        self._library.gnutls_record_set_timeout(self._session, 1000 * PATIENCE)
        self._library.gnutls_heartbeat_set_timeouts(self._session, 1000, 1000 * PATIENCE)
        if heartbeat:
            self._library.gnutls_heartbeat_enable(self._session, heartbeat)

    def __enter__(self):
        while True:
            result = self._library.gnutls_handshake(self._session)
            if result not in (_AGAIN, _INTERRUPTED):
                self._check("gnutls_handshake", result)
                return self

    def __exit__(self, *_):
        self._library.gnutls_bye(self._session, 1)
        self._library.gnutls_deinit(self._session)
        self._library.gnutls_certificate_free_credentials(self._credentials)
        self._socket.close()

    def _check(self, name, result):
        if result < 0:
            raise Refused(f"{name}: {self._library.gnutls_strerror(int(result)).decode()}")
        return result

    def _call(self, name, *arguments):
        return self._check(name, getattr(self._library, name)(*arguments))

    def _on(self, name, *arguments):
        return self._call(name, self._session, *arguments)

    @property
    def may_ask(self):
        """Whether the server lets us."""
        return bool(self._library.gnutls_heartbeat_allowed(self._session, _LOCAL_MAY_SEND))

    def ping(self, size):
        """A request with `size` random bytes of payload; returns when just these came back. At least
        64: an assertion of GnuTLS 3.7 does not hold for fewer."""
        while True:
            result = self._library.gnutls_heartbeat_ping(self._session, ctypes.c_size_t(size), 3, _WAIT)
            if result not in (_AGAIN, _INTERRUPTED):
                return self._check("gnutls_heartbeat_ping", result)

    def say(self, data):
        self._on("gnutls_record_send", data, ctypes.c_size_t(len(data)))

    def alert(self, level, description):
        self._on("gnutls_alert_send", level, description)

    def hear(self):
        """The next datagram with data; requests that come before it are answered."""
        room = ctypes.create_string_buffer(16384)
        while True:
            result = self._library.gnutls_record_recv(self._session, room, ctypes.c_size_t(len(room)))
            if result == _PING_RECEIVED:
                self.requests += 1
                self._on("gnutls_heartbeat_pong", 0)
            elif result not in (_AGAIN, _INTERRUPTED):
                return room.raw[:self._check("gnutls_record_recv", result)]

    def answer(self, count):
        """Answers `count` requests of the server."""
        room, wanted = ctypes.create_string_buffer(16384), self.requests + count
        while self.requests < wanted:
            result = self._library.gnutls_record_recv(self._session, room, ctypes.c_size_t(len(room)))
            if result == _PING_RECEIVED:
                self.requests += 1
                self._on("gnutls_heartbeat_pong", 0)
            else:
                assert result in (_AGAIN, _INTERRUPTED), self._check("gnutls_record_recv", result)

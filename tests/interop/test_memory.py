#!/usr/bin/env python3
"""The memory of a running daemon: nobody else may read it, and what was secret is gone from it."""

import re
import unittest

import parallel
import places
from clients import echoes, s_client
from dtlsd import Daemon, echo


def read_all(pid):
    """What the process may write."""
    found = bytearray()
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            start, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            length = int(end, 16) - int(start, 16)
            if rights.startswith("rw") and length < 1 << 28:  # what is longer is a sanitizer's
                memory.seek(int(start, 16))
                found += memory.read(length)
    return bytes(found)


class Memory(unittest.TestCase):
    def test_master_secrets_are_gone_and_strangers_see_nothing(self):
        d = Daemon()
        log, session = d.directory / "keys", str(d.directory / "session")
        d.configure(echo(tls={"certificate": places.cert("server.pem"), "key_log_file": str(log)}))
        with d:
            for option in "-sess_out", "-sess_in":
                with s_client(d.address, option, session) as c:
                    echoes(c)
                    c.end()
            d.wait_for("disconnected|closed by the client", count=2)
            try:
                memory = read_all(d.process.pid)
            except PermissionError:
                return  # an ordinary user, and not even the one that it runs as
            self.assertTrue(d.address.encode() in memory)
            secrets = [bytes.fromhex(line.split()[2]) for line in log.read_text().splitlines()]
            self.assertEqual([len(s) for s in secrets], [48, 48])
            for secret in secrets:
                self.assertFalse(secret in memory, "a master secret is still there")


if __name__ == "__main__":
    parallel.main()

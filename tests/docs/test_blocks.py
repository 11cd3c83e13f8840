#!/usr/bin/env python3
"""Does what the pages say: writes their files, runs their commands, talks to what they start.

    test_blocks.py ROOT BUILD-DIRECTORY [PAGE]

pages.py explains the marks. Each page runs from top to bottom in a directory of its own, with the
daemon of the build directory, the installed header, and free ports in place of those in the text.
"""

import os
import pathlib
import re
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import pages

BUILD = pathlib.Path(sys.argv.pop(2)).resolve()
ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
PAGES = ("README.md", "docs/getting-started.md", "docs/operations.md", "docs/module-guide.md")
PATIENCE = 60 # seconds


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def taken(port):
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        text = pathlib.Path(table).read_text() if os.path.exists(table) else ""
        if re.search(rf"^ *\d+: [0-9A-F]+:{port:04X} ", text, re.M):
            return True
    return False


class Page:
    """A page while it is run."""

    def __init__(self, test, path, scratch):
        self.test, self.scratch = test, pathlib.Path(scratch)
        self.blocks = pages.blocks(path.read_text())
        self.ports = {b.words[0]: free_port() for b in self.blocks if b.verb == "serve"}
        self.servers = {}  # by port
        self.printed = ""  # by the last script
        self.ended = False # it told the server to end
        self.block = None  # that is run now
        self.prepare()

    def prepare(self):
        (self.scratch / "build").mkdir()
        (self.scratch / "build/release").symlink_to(BUILD)
        (self.scratch / "plugin-api").symlink_to(ROOT / "plugin-api")
        (self.scratch / "bin").mkdir()
        for program in "dtlsd", "dtlsctl":
            (self.scratch / "bin" / program).symlink_to(BUILD / program)
        subprocess.run(["cmake", "--install", BUILD, "--prefix", self.scratch / "usr"], check=True,
                       capture_output=True, env={**os.environ, "DESTDIR": ""})
        self.environment = {**os.environ, "PATH": f"{self.scratch}/bin:{os.environ['PATH']}",
                            "C_INCLUDE_PATH": str(self.scratch / "usr/include")}

    # ---- what the marks mean

    def run(self):
        try:
            for self.block in self.blocks:
                if self.block.verb:
                    getattr(self, "do_" + self.block.verb)(*self.block.words)
            self.block = None
            for port in list(self.servers):
                self.stop(port)
        finally:
            for server in self.servers.values():
                server.kill()
                server.communicate()

    def do_write(self, name):
        (self.scratch / name).write_text(self.text())

    def do_file(self, name):
        self.do_write(name)
        if name.endswith(".json"):
            done = self.shell(f"dtlsd -t -c {name}")
            said = [l for l in done.stderr.splitlines() if "RLIMIT_NOFILE" not in l] # of this machine
            self.test.assertEqual((done.returncode, said), (0, []), self.where())

    def do_run(self, *texts):
        done = self.shell(self.text())
        self.test.assertEqual(done.returncode, 0, self.where() + self.printed)
        self.expect(texts)

    def do_fail(self, *texts):
        done = self.shell(self.text())
        self.test.assertNotEqual(done.returncode, 0, self.where() + self.printed)
        self.expect(texts)

    def do_output(self):
        for line in self.text().splitlines():
            self.test.assertIn(line, self.printed, self.where())

    def do_serve(self, port):
        if port in self.servers:
            self.stop(port)
        server = self.start(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.servers[port] = server
        self.wait_for(lambda: taken(self.ports[port]) or server.poll() is not None)
        if server.poll() is not None:
            self.test.fail(self.where() + server.stderr.read().decode())

    def do_type(self, text, _for, expected):
        client = self.start(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            client.stdin.write(text.encode() + b"\n")
            client.stdin.flush()
            self.printed = self.read_until(client.stdout, expected.encode()).decode(errors="replace")
        finally:
            client.kill()
            client.communicate()
        self.expect([expected])

    # ---- the parts of it

    def text(self):
        """The block with free ports in place of those that the page serves."""
        text = self.block.text
        for port, mine in self.ports.items():
            text = re.sub(rf"(?<![\d.]){port}(?!\d)", str(mine), text)
        if " --dev" in text: # whose port goes without saying
            text = text.replace(" --dev", f" --port {self.ports['4433']} --dev")
        return text

    def where(self):
        return f"line {self.block.line}:\n{self.block.text}\n" if self.block else ""

    def shell(self, script):
        done = subprocess.run(["sh", "-e", "-c", script], cwd=self.scratch, env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=PATIENCE)
        self.printed = done.stdout + done.stderr
        self.ended = bool(re.search(r"\bdtlsctl .*\bshutdown$", script, re.M))
        return done

    def start(self, **streams):
        return subprocess.Popen(["sh", "-c", "exec " + self.text().replace("\\\n", " ")], cwd=self.scratch,
                                env=self.environment, **streams)

    def stop(self, port):
        """A daemon ends in order; a back-end as it likes."""
        server = self.servers.pop(port)
        if not self.ended: # a second signal ends it at once
            server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=PATIENCE)
        if os.path.basename(server.args[-1].split()[1]) == "dtlsd":
            self.test.assertEqual(server.returncode, 0, said.decode())

    def wait_for(self, true):
        deadline = time.monotonic() + PATIENCE
        while not true():
            self.test.assertLess(time.monotonic(), deadline, self.where())
            time.sleep(0.01) # between two looks at /proc; what is waited for is the condition

    def read_until(self, stream, expected):
        """What the stream gave until `expected` was in it, or it ended, or patience did."""
        got, deadline = b"", time.monotonic() + PATIENCE
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while expected not in got and selector.select(max(0, deadline - time.monotonic())):
                more = os.read(stream.fileno(), 65536)
                if not more:
                    break
                got += more
        return got

    def expect(self, texts):
        for text in texts:
            self.test.assertIn(text, self.printed, self.where())


class Blocks(unittest.TestCase):
    def test_what_the_pages_say_works(self):
        for name in PAGES:
            with self.subTest(page=name), tempfile.TemporaryDirectory() as scratch:
                Page(self, ROOT / name, scratch).run()

    def test_every_configuration_and_every_source_is_tried(self):
        for name in PAGES:
            for block in pages.blocks((ROOT / name).read_text()):
                with self.subTest(page=name, line=block.line):
                    self.assertTrue(block.verb or block.language not in ("c", "json"))


if __name__ == "__main__":
    if sys.argv[1:]:
        PAGES = tuple(sys.argv[1:])
        del sys.argv[1:]
    unittest.main()

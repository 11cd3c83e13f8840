"""A dtlsd for a test: started on free ports of loopback, watched through its log, ended by SIGTERM.

    with Daemon(echo()) as d:
        s_client(d.address) ...
        d.wait_for("connected")
    d.counters["handshakes_done"]           # known when the block is left

Leaving the block asserts that it ended with 0, that no sanitizer complained, and that every
datagram is accounted for.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import places

# Generous: a loaded machine is slow, and nothing waits that long when all is well.
PATIENCE = 30  # seconds
SANITIZER = re.compile(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:")


def tail(text, lines=40):
    """What a person wants to see of a long output; certificates are not."""
    base64 = re.compile(r"[A-Za-z0-9+/=]{40,}$|    \w{4} - ")
    return "\n".join([x for x in text.splitlines() if not base64.match(x)][-lines:])


class Output:
    """Lines of a stream, read by a thread of its own, so that nobody blocks; waits for what it wants."""

    def __init__(self, stream, chunks=False):
        self._stream = stream
        self._text = ""
        self._ended = False
        self._changed = threading.Condition()
        self._read = stream.read1 if chunks else stream.readline
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while data := self._read():
            with self._changed:
                self._text += data.decode("utf-8", "replace")
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def join(self):
        self._thread.join(PATIENCE)
        self._stream.close()

    @property
    def text(self):
        with self._changed:
            return self._text

    def wait(self, found, what, timeout=PATIENCE):
        """Returns found(text) as soon as it is true; the end of the stream or of the time fails."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                result = found(self._text)
                if result:
                    return result
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "it ended" if self._ended else f"{timeout} s passed"
                    raise AssertionError(f"{why} without {what}; it said:\n{tail(self._text)}")
                self._changed.wait(left)

    def expect(self, pattern, count=1, timeout=PATIENCE):
        """Waits until `pattern` was seen `count` times; returns the match that completed it."""
        regex = re.compile(pattern, re.MULTILINE)

        def found(text):
            matches = list(regex.finditer(text))
            return matches[count - 1] if len(matches) >= count else None

        return self.wait(found, f"{count} times {pattern!r}", timeout)


def echo(**server):
    """The configuration of one server with the echo module; what is given replaces its parts."""
    return serving(**{"chain": ["echo"], **server})


def serving(*more, **server):
    """One server with an ECDSA certificate, and one worker. `more`: further servers, complete."""
    default = {"listen": "127.0.0.1:0", "tls": {"certificate": places.cert("server.pem")}}
    return {"workers": 1, "servers": [{**default, **server}, *more]}


class Daemon:
    """`config`: a dict (logged as JSON lines unless it says otherwise), or None with `arguments`."""

    def __init__(self, config=None, arguments=None, environment=None, listening=1, program=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="dtlsd-test-"))
        self.file = self.directory / "dtlsd.json"
        self.addresses = {}  # server -> ["127.0.0.1:4433", ...]
        self.counters = {}   # of the server, and "datagrams.REASON", "records.REASON"
        self.chain = {}      # (server, module) -> counters
        self._listening = listening
        if config is not None:
            self.configure(config)
        self._command = [str(program or places.DTLSD)]
        self._command += arguments if arguments is not None else ["-c", str(self.file)]
        self._environment = {**os.environ, **(environment or {})}
        self.process = None

    def configure(self, config):
        """For a configuration that names files of this daemon's own directory."""
        config.setdefault("log", {"level": "debug", "format": "json"})
        self.file.write_text(json.dumps(config, indent=1))
        lists = [s["listen"] for s in config["servers"]]
        self._listening = sum(1 if isinstance(x, str) else len(x) for x in lists)

    def start(self):
        self.process = subprocess.Popen(
            self._command, cwd=self.directory, env=self._environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.stdout = Output(self.process.stdout)
        self.stderr = Output(self.process.stderr)
        try:
            self.stderr.expect(r"listening on ", count=self._listening)
            for line in self.lines():
                if line["message"].startswith("listening on "):
                    at = line["message"].removeprefix("listening on ")
                    self.addresses.setdefault(line.get("server"), []).append(at)
        except BaseException:
            self.kill()
            raise
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, failed, *_):
        if failed:
            said = self.stderr.text
            self.kill()
            print(f"---- what dtlsd said\n{said}----")
        else:
            self.stop()
            self.clean()

    @property
    def address(self):
        """The first address of the first server."""
        return next(iter(self.addresses.values()))[0]

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])

    def lines(self):
        """Complete lines of the log as dicts; one that is plain text has only a message."""
        text = self.stderr.text
        for line in text[:text.rfind("\n") + 1].splitlines():
            try:
                parsed = json.loads(line)
            except ValueError:
                plain = re.match(r"\S+Z \w+(?: (\w\S*))?(?: \[.*?\])?: (.*)", line)
                parsed = {"message": plain[2] if plain else line}
                if plain and plain[1]:
                    parsed["server"] = plain[1]
            yield parsed

    def messages(self, pattern):
        """The messages of the log that match, in their order."""
        return [m for m in (line["message"] for line in self.lines()) if re.search(pattern, m)]

    def wait_for(self, pattern, count=1, timeout=PATIENCE):
        """Waits until `count` messages of the log match; returns them all."""
        self.stderr.wait(lambda _: len(self.messages(pattern)) >= count,
                         f"{count} messages {pattern!r}", timeout)
        return self.messages(pattern)

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Waits for the end; returns the exit code."""
        code = self.process.wait(PATIENCE)
        self.stdout.join()
        self.stderr.join()
        self._read_counters()
        return code

    def stop(self, number=signal.SIGTERM):
        self.send_signal(number)
        code = self.wait()
        text = self.stderr.text
        assert code == 0, f"dtlsd ended with {code}:\n{text}"
        assert not SANITIZER.search(text), text
        self._balance(text)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self.stdout.join()
            self.stderr.join()
        self.clean()

    def clean(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def _read_counters(self):
        for line in self.lines():
            kind, _, rest = line["message"].partition(":")
            if kind not in ("counters", "dropped"):
                continue
            values = {k: int(v) for k, v in re.findall(r"(\S+)=(\d+)", rest)}
            if "module" in line:
                self.chain[line.get("server"), line["module"]] = values
            elif "server" not in line:
                self.counters.update(values)

    def _balance(self, text):
        received = self.counters.get("received", 0)
        dropped = sum(v for k, v in self.counters.items() if k.startswith("datagrams."))
        handled = self.counters.get("handled", 0)
        assert received == handled + dropped, \
            f"{received} received, {handled} handled and {dropped} dropped:\n{text}"


def run(*arguments, directory=None, environment=None):
    """A dtlsd that ends by itself. Returns subprocess's result, with text."""
    return subprocess.run([str(places.DTLSD), *arguments], cwd=directory, capture_output=True, text=True,
                          env={**os.environ, **(environment or {})}, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL)

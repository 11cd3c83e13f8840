"""What the load tests share: the load programs, the memory of a process, what the kernel dropped.

DTLSD_LOAD=small makes everything a fraction of its size, for sanitizers; memory is not judged then.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import places
from dtlsd import Daemon, echo

SMALL = os.environ.get("DTLSD_LOAD") == "small"
PROGRAMS = places.BUILD / "tests" / "interop" / "load"
PATIENCE = 240  # seconds: nothing here takes that long unless it hangs
MIB = 1024 * 1024


def say(text):
    print(text, flush=True)


def server(workers=2, **more):
    """A daemon with the echo module that is not given more to write than it has to do."""
    config = echo(socket={"receive_buffer": "4MiB"}, **more)
    config["workers"] = workers
    config["log"] = {"level": "info", "format": "json"}
    return Daemon(config)


def arguments(program, address, options):
    """{"max_size": 5, "idle": True} as --max-size 5 --idle."""
    words = [str(PROGRAMS / program), "--server", address]
    for name, value in options.items():
        words.append("--" + name.replace("_", "-"))
        if value is not True:
            words.append(str(value))
    return words


def run(program, daemon, **options):
    """Runs it to its end; what it reported. A handshake or a byte that went wrong fails."""
    done = subprocess.run(arguments(program, daemon.address, options), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE)
    assert done.returncode == 0, f"{program} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])


class Standing:
    """Clients that stay while the block runs; .report is known when it is left."""

    def __init__(self, daemon, **options):
        self._command = arguments("many_clients", daemon.address, options)
        self.report = None

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        first = self._process.stdout.readline()
        if "ready" not in first or "clients" in first:
            self._process.stdin.close()
            self._process.wait()
            raise AssertionError(f"the clients did not get in: {first}")
        return self

    def __exit__(self, failed, *_):
        self._process.stdin.close()
        rest = self._process.stdout.read()
        self._process.stdout.close()
        code = self._process.wait(PATIENCE)
        if not failed:
            assert code == 0, f"many_clients ended with {code}: {rest}"
            self.report = json.loads(rest)


def memory(daemon, what="Rss"):
    """Bytes, as the kernel counts them."""
    text = pathlib.Path(f"/proc/{daemon.process.pid}/smaps_rollup").read_text()
    return int(re.search(rf"^{what}:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024


class Peak:
    """The largest resident memory of a daemon while the block runs, seen ten times a second."""

    def __init__(self, daemon):
        self.bytes = memory(daemon)
        self._daemon = daemon
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self._ended.wait(0.1):
            self.bytes = max(self.bytes, memory(self._daemon))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()


def kernel_drops(daemon):
    """Datagrams for the daemon that the kernel had no room for."""
    port = f":{daemon.port:04X}"
    lines = [line.split() for line in pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]]
    return sum(int(fields[12]) for fields in lines if fields[1].endswith(port))


def opened(daemon):
    """What was open when the daemon was told to end: {"connections": 5, ...}."""
    (line,) = daemon.messages("^open:")
    return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", line)}

#!/usr/bin/env python3
"""The control socket of a running server, asked by dtlsctl and by programs that behave worse."""

import contextlib
import grp
import json
import os
import pathlib
import pty
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import unittest

import parallel
import places
from clients import echoes, new_word, s_client
from dtlsd import PATIENCE, Daemon, echo, run

CTL = places.BUILD / "dtlsctl"
MANY = places.BUILD / "tests/interop/load/many_clients"
NOBODY = pwd.getpwnam("nobody")
COMMANDS = ("status", "stats", "connections", "show", "disconnect", "send", "broadcast", "watch", "log level",
            "shutdown", "help")


class Controlled(Daemon):
    """With a control socket in its own directory."""

    def __init__(self, config=None, **control):
        super().__init__()
        self.socket = self.directory / "control.sock"
        config = config or echo(name="coaps")
        config["control"] = {"socket": "control.sock", **control}
        self.configure(config)

    def ctl(self, *words, code=0, **how):
        """What dtlsctl prints."""
        done = subprocess.run([CTL, "-c", self.file, *words], capture_output=True, text=True, timeout=PATIENCE,
                              stdin=subprocess.DEVNULL, **how)
        assert done.returncode == code, f"{words}: {done.returncode}, not {code}: {done.stdout}{done.stderr}"
        self.said = done.stderr
        return done.stdout

    def rows(self, *words):
        return [json.loads(line) for line in self.ctl("--json", *words).splitlines()]

    def talk(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        s.connect(str(self.socket))
        return s


def ask(s, command, **arguments):
    s.sendall(json.dumps({"id": 1, "command": command, "arguments": arguments}).encode() + b"\n")


def answer(s):
    """(rows, last line) of the only question; None for the last line of a server that hung up."""
    rows = []
    with s.makefile("rb") as lines:
        for line in lines:
            parsed = json.loads(line)
            if "row" not in parsed:
                return rows, parsed
            rows.append(parsed["row"])
    return rows, None


@contextlib.contextmanager
def crowd(address, clients):
    """So many clients that say nothing."""
    with subprocess.Popen([MANY, "--server", address, "--clients", str(clients), "--idle"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:
        assert "ready" in p.stdout.readline()
        try:
            yield
        finally:
            p.stdin.close()
            p.stdout.read()


def terminal(*words):
    """What a command shows on a terminal."""
    ours, theirs = pty.openpty()
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, timeout=PATIENCE)
    os.close(theirs)
    text = b""
    with contextlib.suppress(OSError):
        while more := os.read(ours, 65536):
            text += more
    os.close(ours)
    return done.returncode, text.decode().replace("\r\n", "\n")


class Commands(unittest.TestCase):
    def test_the_server_tells_what_it_is_and_what_it_serves(self):
        with Controlled() as d, s_client(d.address) as c:
            echoes(c)
            process, served = d.rows("status")
            self.assertEqual((process["pid"], process["workers"], process["connections"]), (d.process.pid, 1, 1))
            self.assertEqual(served["server"], "coaps")
            self.assertEqual(served["address"], d.address)
            self.assertEqual((served["connections"], served["limit"], served["handshakes"]), (1, 10000, 0))
            counters = {(r["module"], r["kind"], r["name"]): r["value"] for r in d.rows("stats")}
            self.assertEqual(counters[None, "counter", "handshakes_done"], 1)
            self.assertEqual(counters[None, "dropped_datagram", "no_cookie"], 1)
            every = d.rows("stats", "--all")
            self.assertGreater(len(every), len(counters))
            self.assertIn(0, [r["value"] for r in every if r["module"] == "echo"])

    def test_connections_are_found_by_what_they_are(self):
        tls = {"certificate": places.cert("server.pem"), "authenticate_clients": "requested",
               "client_ca": places.cert("ca.pem")}
        with Controlled(echo(name="coaps", tls=tls)) as d:
            with s_client(d.address) as one, s_client(d.address, "-cert", places.cert("client.pem"),
                                                      "-key", places.cert("client.pem")) as two:
                echoes(one)
                echoes(two)
                everybody = d.rows("connections")
                self.assertEqual(len(everybody), 2)
                self.assertEqual(set(everybody[0]), {"id", "server", "peer", "state", "suite", "identity", "age",
                                                     "idle", "bytes_in", "bytes_out"})
                (known,) = [r for r in everybody if r["identity"]]
                self.assertIn("CN=", known["identity"])
                rows = d.rows("connections", "--identity", known["identity"][:8], "--columns", "id")
                self.assertEqual(rows, [{"id": known["id"]}])
                for none in ("--peer", "10.0.0.0/8"), ("--state", "handshake"), ("--identity", "nobody like that"):
                    self.assertEqual(d.rows("connections", *none), [])
                self.assertEqual(len(d.rows("connections", "--peer", "127.0.0.0/8,::1", "--server", "coaps")), 2)
                (all_of_it,) = d.rows("show", known["id"])
                self.assertEqual(all_of_it["certificate_subject"], known["identity"])
                self.assertGreaterEqual(all_of_it["strength_bits"], 128)
                self.assertRegex(all_of_it["certificate_sha256"], r"^[0-9a-f]{64}$")
                self.assertRegex(all_of_it["certificate_until"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
                self.assertEqual(all_of_it["local"], d.address)

    def test_a_pre_shared_key_has_an_identity(self):
        directory = Controlled()
        (directory.directory / "keys").write_text("device-7:00112233445566778899aabbccddeeff\n")
        os.chmod(directory.directory / "keys", 0o600)
        config = echo(name="p", tls={"psk": "keys"})
        config["control"] = {"socket": "control.sock"}
        directory.configure(config)
        with directory as d, s_client(d.address, "-psk", "00112233445566778899aabbccddeeff", "-psk_identity",
                                      "device-7", "-cipher", "PSK-AES128-GCM-SHA256") as c:
            echoes(c)
            self.assertEqual(d.ctl("connections", "--columns", "identity"), "device-7\n")
            self.assertEqual(d.ctl("connections", "--columns", "identity", "--identity", "device-8"), "")

    def test_clients_are_sent_away(self):
        with Controlled() as d:
            clients = [s_client(d.address) for _ in range(4)]
            try:
                for c in clients:
                    echoes(c)
                first = d.rows("connections")[0]["id"]
                self.assertEqual(d.rows("disconnect", first), [{"closed": 1}])
                d.ctl("disconnect", first, code=1)
                self.assertIn(f'there is no connection "{first}"', d.said)
                self.assertEqual(d.rows("disconnect", "--peer", "10.1.0.0/16"), [{"closed": 0}])
                self.assertEqual(d.rows("disconnect", "--all"), [{"closed": 3}])
                self.assertEqual([c.wait() for c in clients], [0] * 4)
                self.assertEqual(len(d.wait_for("^disconnected: closed by the server", 4)), 4)
                self.assertTrue(d.messages(rf"^control: user {os.geteuid()}, process \d+: disconnect$"))
            finally:
                for c in clients:
                    c.__exit__()

    def test_datagrams_are_sent(self):
        with Controlled() as d, s_client(d.address) as one, s_client(d.address) as two:
            echoes(one)
            word, line, other = new_word(), new_word(), new_word()
            echoes(two)
            ids = [r["id"] for r in d.rows("connections", "--columns", "id")]
            (d.directory / "line").write_text(line + "\n")
            for i in ids:
                self.assertEqual(d.ctl("send", i, word + "\n"), "sent\t1\n")
                d.ctl("send", i, "--file", str(d.directory / "line"))
            self.assertEqual(d.rows("broadcast", "--hex", (other + "\n").encode().hex()), [{"sent": 2, "failed": 0}])
            for c in one, two:
                for text in word, line, other:
                    c.expect(rf"^{text}$")
            d.ctl("send", ids[0], "--file", "/bin/sh", code=2)
            d.ctl("send", ids[0], code=1)
            self.assertIn("one of text, hex and base64 is wanted here", d.said)

    def test_events_are_told_as_they_happen(self):
        with Controlled() as d:
            with subprocess.Popen([CTL, "-c", d.file, "--json", "watch", "--events", "connected,data_in,disconnected"],
                                  stdout=subprocess.PIPE, text=True) as w:
                self.assertEqual(json.loads(w.stdout.readline()), {"event": "watching"})
                with s_client(d.address) as c:
                    echoes(c)
                    (there,) = d.rows("connections")
                    c.end()
                seen = [json.loads(w.stdout.readline()) for _ in range(3)]
                w.send_signal(signal.SIGINT)
            self.assertEqual([e["event"] for e in seen], ["connected", "data_in", "disconnected"])
            self.assertEqual({(e["id"], e["peer"], e["server"]) for e in seen},
                             {(there["id"], there["peer"], "coaps")})
            self.assertEqual(seen[0]["text"], there["suite"])
            self.assertEqual(seen[1]["bytes"], there["bytes_in"])
            self.assertEqual(seen[2]["text"], "closed by the client")

    def test_a_refusal_is_an_event(self):
        with Controlled(echo(chain=[{"use": "ip_access", "default": "deny"}, "echo"])) as d, d.talk() as s:
            ask(s, "watch", events=["refused"])
            with s.makefile("rb") as lines:
                lines.readline()
                with s_client(d.address) as c:
                    event = json.loads(lines.readline())["row"]
                    c.process.kill()
            self.assertEqual((event["event"], event["text"]), ("refused", "refused by a module"))

    def test_the_log_is_turned_up_and_the_server_is_ended(self):
        config = echo()
        config["log"] = {"level": "info", "format": "json"}
        d = Controlled(config)
        d.start()
        self.assertEqual(d.ctl("log", "level"), "level\tinfo\n")
        self.assertEqual(d.ctl("log", "level", "verbose"), "level\tverbose\n")
        with s_client(d.address) as c:
            echoes(c)
            self.assertTrue(d.wait_for("^connected: "))
            d.ctl("shutdown")
            self.assertEqual(c.wait(), 0)
        self.assertEqual(d.wait(), 0)
        self.assertTrue(d.messages("^shutdown: closing all connections"))
        self.assertFalse(d.socket.exists())
        d.ctl("status", code=3)
        self.assertIn(f"cannot reach the server: {d.socket}: No such file or directory", d.said)
        d.clean()


class Program(unittest.TestCase):
    """dtlsctl without a server, and what it prints."""

    def ctl(self, *words, code=0):
        done = subprocess.run([CTL, *words], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_a_terminal_gets_a_table_and_a_pipe_gets_tabs(self):
        with Controlled() as d, s_client(d.address) as c:
            echoes(c)
            code, table = terminal(CTL, "-c", d.file, "connections")
            self.assertEqual(code, 0)
            head, row = table.splitlines()
            self.assertEqual(head.split()[:3], ["id", "server", "peer"])
            self.assertEqual(head.index("state"), row.index("established"))
            tabs = d.ctl("connections", "--columns", "server,state,identity")
            self.assertEqual(tabs, "coaps\testablished\t-\n")
            code, record = terminal(CTL, "-c", d.file, "show", row.split()[0])
            self.assertRegex(record, r"(?m)^id  +[0-9a-f]{16}$")
            self.assertRegex(record, r"(?m)^strength_bits  +\d+$")

    def test_help_has_an_example_for_every_command(self):
        everything = self.ctl("help")
        for command in COMMANDS:
            self.assertIn(f"\n  {command} ", everything)
            said = self.ctl("help", *command.split())
            self.assertIn(f"Example:\n  dtlsctl {command}", said)
            if command != "help":
                self.assertEqual(said, self.ctl(*command.split(), "--help"))

    def test_wrong_words_are_told_with_the_nearest_right_one(self):
        rows = [
            (["conections"], 'there is no command "conections"; did you mean "connections"?'),
            (["connections", "--colums", "id"], "unknown option --colums; did you mean --columns?"),
            (["connections", "--columns"], "--columns wants a value"),
            (["disconnect", "--all=yes"], "--all takes no value"),
            (["show", "1", "2"], 'unexpected word "2"'),
            (["log"], 'there is no command "log"'),
            (["-x"], "unknown option -x"),
            (["-s"], "-s wants a path"),
            ([], "a command is wanted"),
            (["completion", "tcsh"], "bash, zsh and fish"),
            (["send", "1", "--file", "/nowhere/x"], "/nowhere/x: No such file or directory"),
        ]
        for words, text in rows:
            self.assertIn(text, self.ctl(*words, code=2), words)

    def test_who_cannot_be_reached_has_an_exit_code(self):
        with Daemon(echo()) as d:
            self.assertIn("sets no control.socket", self.ctl("-c", str(d.file), "status", code=3))
            self.assertIn("No such file", self.ctl("-c", "/nowhere/x.json", "status", code=3))
            (d.directory / "wrong.json").write_text('{ "control": { "soket": "x" } }')
            said = self.ctl("-c", str(d.directory / "wrong.json"), "status", code=3)
            self.assertIn('wrong.json:1:16: error: unknown key "soket" (/control/soket); did you mean "socket"?', said)

    def test_shells_complete_what_there_is(self):
        bash = self.ctl("completion", "bash")

        def complete(*words):
            script = f'{bash}\nCOMP_WORDS=(dtlsctl "$@"); COMP_CWORD=$#; _dtlsctl; echo "${{COMPREPLY[@]}}"'
            done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True)
            self.assertEqual(done.stderr, "")
            return done.stdout.split()

        self.assertEqual(complete("st"), ["status", "stats"])
        self.assertEqual(complete("-c", "x.json", "disc"), ["disconnect"])
        self.assertEqual(complete("log", ""), ["level"])
        self.assertEqual(complete("connections", "--co"), ["--columns"])
        self.assertEqual(complete("connections", "--state", "es"), ["established"])
        self.assertEqual(complete("completion", "f"), ["fish"])
        for shell in "zsh", "fish":
            script = self.ctl("completion", shell)
            self.assertEqual([c for c in COMMANDS if c.split()[0] not in script], [])
            if shutil.which(shell):
                subprocess.run([shell, "-n"], input=script, text=True, check=True)


class Access(unittest.TestCase):
    def of(self, d):
        st = d.socket.lstat()
        return stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid

    def test_the_socket_is_for_its_owner_unless_a_group_is_named(self):
        with Controlled() as d:
            self.assertEqual(self.of(d)[:2], (0o600, os.geteuid()))
        group = grp.getgrgid(os.getegid())
        with Controlled(group=group.gr_name) as d:
            self.assertEqual(self.of(d), (0o660, os.geteuid(), group.gr_gid))

    def as_nobody(self, d, group=NOBODY.pw_gid, groups=()):
        """What somebody else gets through a file that lets everybody in."""
        os.chmod(d.directory, 0o755)
        os.chmod(d.socket, 0o666)
        out, child_out = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups(groups)
                os.setgid(group)
                os.setuid(NOBODY.pw_uid)
                with d.talk() as s:
                    with contextlib.suppress(BrokenPipeError):
                        ask(s, "log level")
                    os.write(child_out, json.dumps(answer(s)[1]).encode())
            finally:
                os._exit(0)
        os.close(child_out)
        with open(out) as f:
            said = f.read()
        os.waitpid(child, 0)
        return said

    def test_the_kernel_is_asked_who_is_there(self):
        if os.geteuid() != 0:
            return  # only root can be somebody else
        operators = grp.getgrnam("operator")
        with Controlled() as d:
            self.assertIn('"denied"', self.as_nobody(d))
            self.assertEqual(len(d.messages(rf"^control: user {NOBODY.pw_uid}, process \d+ may not use")), 1)
        with Controlled(group=operators.gr_name) as d:
            for groups, allowed in ([], False), ([1, 2], False), ([1, operators.gr_gid], True):
                said = self.as_nobody(d, groups=groups)
                self.assertEqual('"ok": true' in said, allowed, said)
            self.assertIn('"ok": true', self.as_nobody(d, group=operators.gr_gid))

    def test_a_server_that_becomes_a_user_gives_the_socket_to_it(self):
        if os.geteuid() == 0:
            config = echo()
            config["user"] = "nobody"
            with Controlled(config) as d:
                self.assertEqual(self.of(d)[:2], (0o600, NOBODY.pw_uid))
                d.ctl("status")  # root may
                self.assertIn('"ok": true', self.as_nobody(d))

    def test_what_a_dead_server_left_is_replaced_and_a_live_one_is_left_alone(self):
        d = Controlled()
        d.start()
        done = run("-c", str(d.file))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"dtlsd\.json:\d+:\d+: error: .*/control\.sock: another server answers there: "
                         r"stop it, or give this one a socket of its own \(/control/socket\)")
        d.ctl("status")
        d.process.kill()
        d.process.wait()
        self.assertTrue(d.socket.exists())
        d.ctl("status", code=3)
        self.assertIn("Connection refused", d.said)
        self.assertEqual(run("-t", "-c", str(d.file)).returncode, 0)
        again = Daemon(arguments=["-c", str(d.file)])
        with again:
            d.ctl("status")
        self.assertFalse(d.socket.exists())
        d.kill()

    def test_a_wrong_place_is_found_by_the_check(self):
        d = Daemon()
        for control, text in (({"socket": "/nowhere/x"}, "/nowhere/x: No such file or directory (/control/socket)"),
                              ({"socket": "x", "group": "no-such-group"}, 'no group "no-such-group" (/control/group)'),
                              ({"socket": "x" * 200}, "and a socket takes 107 at most (/control/socket)"),
                              ({"group": "root"}, '"socket" is missing: a path (/control)')):
            config = echo()
            config["control"] = control
            d.configure(config)
            done = run("-t", "-c", str(d.file))
            self.assertEqual(done.returncode, 1)
            self.assertIn(text, done.stderr)
        d.clean()


class Many(unittest.TestCase):
    CLIENTS = 1500

    def controlled(self):
        config = echo(limits={"connections": 2 * self.CLIENTS})
        config["workers"] = 2
        config["log"] = {"level": "info", "format": "json"}
        return Controlled(config)

    def test_a_long_answer_holds_up_neither_clients_nor_other_questions(self):
        with self.controlled() as d, crowd(d.address, self.CLIENTS), s_client(d.address) as c:
            echoes(c)
            silent = [d.talk() for _ in range(8)]  # these ask, and do not read
            for s in silent:
                for _ in range(10):
                    ask(s, "connections", columns=["id", "server", "peer", "local", "state", "suite", "age", "idle"])
            for _ in range(5):
                echoes(c)
                self.assertEqual(len(d.rows("status")), 2)
            rows = d.rows("connections", "--columns", "id,worker")
            self.assertEqual(len({r["id"] for r in rows}), self.CLIENTS + 1)
            self.assertEqual({r["worker"] for r in rows}, {0, 1})
            silent[0].close()
            rows, last = answer(silent[1])  # it is all there to be read
            self.assertEqual((len(rows), last["ok"], last["connections"]), (self.CLIENTS + 1, True, self.CLIENTS + 1))
            echoes(c)
            for s in silent:
                s.close()
            d.ctl("status")

    def test_a_hundred_may_ask_at_once(self):
        with self.controlled() as d, s_client(d.address) as c:
            echoes(c)
            everybody = [d.talk() for _ in range(100)]
            for s in everybody:
                ask(s, "connections")
            for s in everybody:
                rows, last = answer(s)
                self.assertEqual((len(rows), last), (1, {"id": 1, "ok": True, "connections": 1}))
            for s in everybody:
                s.close()
            echoes(c)

    def test_the_server_stops_in_the_middle_of_answers(self):
        with self.controlled() as d, crowd(d.address, 300):
            asking = [d.talk() for _ in range(20)]
            for s in asking:
                for _ in range(20):
                    ask(s, "connections")
            ask(asking[0], "watch")
            d.stop()
            for s in asking:
                with contextlib.suppress(ConnectionResetError):  # questions that were not read
                    while s.recv(65536):
                        pass
                s.close()
            self.assertFalse(d.socket.exists())
            d.clean()


if __name__ == "__main__":
    parallel.main()

#!/usr/bin/env python3
"""The JSON Schema and the reader judge the same configurations alike.

Usage: schema_test.py PROBE
"""
import json
import os
import subprocess
import sys
import tempfile

import jsonschema

probe = sys.argv[1]
schema = json.loads(subprocess.check_output([probe, "schema"]))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)


def top(**more):
    return {"servers": [server()], **more}


def server(**more):
    return {"listen": "127.0.0.1:1", "tls": {"certificate": "a.pem"}, "chain": ["echo"], **more}


def one(**more):
    return {"servers": [server(**more)]}


def chain(*entries):
    return one(chain=list(entries))


def option(**more):
    return chain({"use": "everything", **more})


GOOD = [
    top(),
    top(workers=4, user="nobody", log={"level": "debug", "format": "json", "target": "stderr"}),
    top(workers="auto", modules={"path": "modules"}),
    {"servers": server(name="lone")},
    one(listen=["127.0.0.1:1", "[::1]:2", "localhost:3"]),
    one(tls={"certificate": ["a", {"file": "b", "key": "c", "chain": "d", "password": {"env": "HOME"}}]}),
    one(tls={"psk": "identities"}),
    one(tls={"psk": {"file": "identities"}, "cipher_suites": "*", "groups": ["X25519"]}),
    one(tls={"certificate": "a", "authenticate_clients": "required", "client_ca": ["ca.pem"]}),
    one(handshake={"timeout": "30s", "initial_timer": "200ms", "mtu": 1200}, idle_timeout="0s"),
    one(limits={"connections": 5, "packet_size": "2KiB", "hellos_per_prefix": "100/m"}),
    one(socket={"receive_buffer": "4MiB", "dual_stack": True}),
    chain({"use": "relay", "to": "127.0.0.1:1"}, {"use": "echo", "enabled": False, "slow_hook": "1ms"}),
    chain({"use": "echo", "defer_timeout": "1s", "defer_default": "accept", "name": "x"}),
    option(flag=True, count=10, text="", wait="1h", size="1MiB", rate="5/h", mode="strict"),
    option(address="[::1]:1", net="10.0.0.0/8", file="x", key={"env": "HOME"}, ip="::1"),
    option(inner={"word": "x"}, words=[], nets="::/0", inners=["x", {"word": "y", "number": 1}]),
]

BAD = [
    {},
    [],
    top(worker=4),
    top(workers=0),
    top(workers=129),
    top(workers="all"),
    top(workers=1.5),
    top(user=None),
    top(log={"level": "loud"}),
    top(log="stderr"),
    {"servers": []},
    {"servers": "echo"},
    {"servers": [{"chain": []}]},
    one(listen=[]),
    one(listen=5684),
    one(listen="127.0.0.1"),
    one(idle_timeout=60),
    one(idle_timeout="60"),
    one(idle_timeout="1.5s"),
    one(idle_timeout="60 s"),
    one(limits={"packet_size": "2K"}),
    one(limits={"packet_size": 2048}),
    one(limits={"hellos_per_prefix": "5"}),
    one(handshake={"mtu": 255}),
    one(handshake={"mtu": "1400"}),
    one(socket={"share_port": "yes"}),
    one(tls={"certificate": {"store_type": "jks_file", "store": "a"}}),
    one(tls={"certificate": {"store_type": 20, "store": "a"}}),
    one(tls={"certificate": {"file": "a", "password": "plain"}}),
    one(tls={"certificate": {"file": "a", "password": {"env": "HOME", "file": "x"}}}),
    one(tls={"certificate": {"file": "a", "password": {}}}),
    one(tls={"certificate": "a", "authenticate_clients": True}),
    one(tls={"certificate": "a", "groups": [5]}),
    one(tls={"certificate": ""}),
    chain({"use": "relay"}),
    chain({"use": "relay", "to": "127.0.0.1:1", "too": 1}),
    chain({"use": "echo", "text": "x"}),
    chain({"name": "x"}),
    chain({"use": 5}),
    chain(5),
    option(count=11),
    option(mode="lax"),
    option(net="everywhere"),
    option(ip="localhost"),
    option(inner={"number": 1}),
    option(inner="x"),
    option(inners=[{"word": "x", "more": 1}]),
]


def reader_accepts(config):
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as f:
        json.dump(config, f)
    try:
        run = subprocess.run([probe, "check", f.name], capture_output=True, text=True, check=False)
    finally:
        os.unlink(f.name)
    if run.returncode not in (0, 1):
        sys.exit(f"the reader ended with {run.returncode}: {run.stderr}")
    return run.returncode == 0, run.stdout


failures = 0
for config, wanted in [(c, True) for c in GOOD] + [(c, False) for c in BAD]:
    accepted, messages = reader_accepts(config)
    if validator.is_valid(config) != wanted:
        print(f"schema: should be {wanted}: {json.dumps(config)}")
        failures += 1
    if accepted != wanted:
        print(f"reader: should be {wanted}: {json.dumps(config)}\n{messages}")
        failures += 1
print(f"{len(GOOD)} good, {len(BAD)} bad, {failures} judged wrongly")
sys.exit(failures != 0)

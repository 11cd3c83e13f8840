"""What was said, read from a capture with the secrets of the key log: by tshark, and by the model in tests/model.

Both give a list of (up, kind, content): "data" and its bytes, "alert" and (level, description), "heartbeat"
and (type, bytes of payload). What does not decrypt is not in it.
"""

import pathlib
import sys

import places
from tshark import tshark

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "model"))

import handshake  # noqa: E402
import keys  # noqa: E402
import nonce_audit  # noqa: E402
import records  # noqa: E402


FIELDS = ("udp.srcport", "data.data", "dtls.alert_message.level", "dtls.alert_message.desc",
          "dtls.heartbeat_message.type", "dtls.heartbeat_message.payload_length")


def by_tshark(pcap, port, log):
    heard = []
    for line in tshark(pcap, port, "-o", f"tls.keylog_file:{log}", "-Y",
                       "data || dtls.alert_message.desc || dtls.heartbeat_message.type", "-T", "fields",
                       *(x for field in FIELDS for x in ("-e", field))):
        source, data, level, alert, kind, length = line.split("\t")
        up = int(source) != port
        heard += [(up, "data", bytes.fromhex(x)) for x in data.split(",") if x]
        heard += [(up, "alert", (int(x), int(y))) for x, y in zip(level.split(","), alert.split(",")) if x]
        heard += [(up, "heartbeat", (int(x), int(y))) for x, y in zip(kind.split(","), length.split(",")) if x]
    return heard


def by_model(proxy, log):
    """Of one connection with an AEAD suite and no connection id."""
    known = nonce_audit.KeyLog()
    known.read(log)
    [(client_random, master)] = known.masters.items()
    suites = {s.number: s for s in keys.suites(places.SOURCE)}
    sides, heard = None, []
    for _, up, _, data in proxy.seen:
        for _, record in records.split(data):
            if not record.epoch:
                parsed, _ = handshake.read(record.body)
                if not up and record.kind == records.HANDSHAKE and parsed[0] == nonce_audit.SERVER_HELLO:
                    hello = nonce_audit.Hello(parsed[0], parsed[4])
                    sides = keys.derive(suites[hello.suite], master, client_random, hello.random)
                continue
            verdict, plain = records.open_record(sides[not up], record)
            assert verdict == "ok"
            heard += [(up, *content) for content in told(record.kind, plain)]
    return heard


def told(kind, plain):
    if kind == records.APPLICATION_DATA:
        yield "data", plain
    elif kind == records.ALERT:
        yield "alert", (plain[0], plain[1])
    elif kind == records.HEARTBEAT:
        yield "heartbeat", (plain[0], int.from_bytes(plain[1:3], "big"))

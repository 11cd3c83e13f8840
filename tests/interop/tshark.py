"""A capture of the proxy, read by Wireshark."""

import os
import subprocess

import places


def tshark(pcap, port, *options):
    """The fields that tshark prints, a line for each packet."""
    done = subprocess.run([places.tool("tshark"), "-r", str(pcap), "-d", f"udp.port=={port},dtls", *options],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          # Nothing of the user's own settings, and nowhere to leave any.
                          env={**os.environ, "HOME": os.path.dirname(pcap)})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()

"""What the witness module wrote about each connection."""

import re


def parse(message):
    """"connected status=0 ... text=OK" becomes {"event": "connected", "status": "0", ..., "text": "OK"}."""
    event, _, rest = message.partition(" ")
    last = re.search(r"(?:^| )(text|status)=(\D.*)$", rest)  # free text, up to the end
    pairs = dict(re.findall(r"(\w+)=(\S*)", rest[:last.start()] if last else rest))
    if last:
        pairs[last[1]] = last[2]
    return {"event": event, **pairs}


def events(daemon, name=None):
    """Of all connections, in their order; `name`: only those of this name."""
    found = [parse(line["message"]) for line in daemon.lines() if line.get("module") == "witness"
             and not line["message"].startswith("counters")]
    return [e for e in found if name in (None, e["event"])]


def wait_for_event(daemon, name, count=1):
    """Waits until there are `count` events of the name; returns the last of them."""
    daemon.wait_for(f"^{name}( |$)", count)
    return events(daemon, name)[count - 1]

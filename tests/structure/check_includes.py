#!/usr/bin/env python3
"""Refuses an include that breaks the layers of the core.

    check_includes.py ROOT      prints file:line: what; exits 1 when there is any

A room includes rooms below it, never one beside or above it. Some headers of the system belong to
the rooms whose business they are.
"""

import pathlib
import re
import sys

import tree

LAYERS = {"base": 0, "dtls": 1, "pki": 1, "io": 1, "conn": 2, "config": 3, "plugin": 4, "server": 5}

SOCKETS = r"sys/socket\.h|sys/epoll\.h|sys/un\.h|netdb\.h|(netinet|arpa|net)/.*"

# A header, the rooms it belongs to, files elsewhere that may have it, what it stands for.
OWNED = [
    (r"openssl/.*", {"dtls", "pki", "server"}, set(), "OpenSSL"),
    (SOCKETS, {"io", "server"}, {"core/base/addr.h", "core/base/addr.c"}, "sockets"),
    (r"jansson\.h", {"config"}, {"core/server/ctl/ctl.h"}, "jansson"),
    (r"dlfcn\.h", {"plugin"}, set(), "loading code"),
]

GENERATED = {"server/build_info.h"}
ABI_MAY_INCLUDE = {"stddef.h", "stdint.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def check_core_quoted(root, path, target):
    room, other = path.parts[1], target.split("/")[0]
    if "/" not in target or other not in LAYERS:
        return f'"{target}": write "room/file.h"'
    if target not in GENERATED and not (root / "core" / target).is_file():
        return f'"{target}" does not exist'
    if other != room and LAYERS[other] >= LAYERS[room]:
        return f'{room} may not know {other} ("{target}")'
    return None


def check_core_system(path, target):
    room = path.parts[1]
    if target.split("/")[0] in LAYERS:
        return f'<{target}>: a room of ours is written in quotes'
    if target.startswith("dtlsd/") and target != "dtlsd/module.h":
        return f"<{target}> is no header of the module ABI"
    for pattern, rooms, exceptions, what in OWNED:
        if re.fullmatch(pattern, target) and room not in rooms and str(path) not in exceptions:
            return f"{room} may not know {what} (<{target}>)"
    return None


def check_core(root, path, quoted, system):
    if path.parts[1] not in LAYERS or len(path.parts) < 3:
        return f"{path.parts[1]} is no room"
    if quoted:
        return check_core_quoted(root, path, quoted)
    return check_core_system(path, system)


def check_module(root, path, quoted, system):
    target = quoted or system
    if quoted and not (root / path.parent / quoted).is_file():
        return f'"{quoted}" is not a file of this module'
    if ".." in target or target.split("/")[0] in LAYERS:
        return f"a module may not know the core ({target})"
    return None


def check_abi(_root, _path, quoted, system):
    if quoted or system not in ABI_MAY_INCLUDE:
        return f"the ABI needs libc's own types only ({quoted or system})"
    return None


CHECKS = {"core": check_core, "modules": check_module, "plugin-api": check_abi}


def complaints(root):
    root = pathlib.Path(root)
    for path in tree.files(root):
        check = CHECKS.get(path.parts[0])
        if not check or path.suffix not in {".c", ".h", ".def", ".cpp", ".hpp"}:
            continue
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            text = check(root, path, *found.groups()) if found else None
            if text:
                yield f"{path}:{number}: {text}"


if __name__ == "__main__":
    found = list(complaints(sys.argv[1]))
    print("\n".join(found) or "the layers hold")
    sys.exit(1 if found else 0)

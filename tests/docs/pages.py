"""The pages of the documentation: their fenced blocks, headings, links, and the marks that say what
a test does with a block. A mark is a comment on the line before the fence:

    <!-- test: file NAME -->            writes the block; NAME.json must be a good configuration
    <!-- test: write NAME -->           writes the block, whatever is in it
    <!-- test: run ["TEXT"] -->         runs it as a shell script; exit code 0, TEXT in what it prints
    <!-- test: fail ["TEXT"] -->        the same with an exit code that is not 0
    <!-- test: output -->               each line of the block was printed by the script before it
    <!-- test: serve PORT -->           starts it, waits until UDP port PORT is taken; it runs until
                                        the next block for this port, or the end of the page
    <!-- test: type "TEXT" for "TEXT" -->  starts it, types the one, waits for the other
"""

import dataclasses
import re

FENCE = re.compile(r"^```(\w*)$")
MARK = re.compile(r"^<!-- test: (\w+)(?: (.*))? -->$")


@dataclasses.dataclass
class Block:
    line: int          # of the fence, from 1
    language: str
    text: str
    verb: str = ""     # of the mark; "" = none
    words: tuple = ()  # behind the verb


def split_words(text):
    return tuple(a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', text or ""))


def blocks(text):
    found, lines = [], text.splitlines()
    at = 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if not fence:
            at += 1
            continue
        end = lines.index("```", at + 1)
        block = Block(at + 1, fence[1], "\n".join(lines[at + 1:end]) + "\n")
        mark = MARK.match(lines[at - 1]) if at else None
        if mark:
            block.verb, block.words = mark[1], split_words(mark[2])
        found.append(block)
        at = end + 1
    return found


def prose(text):
    """The page without its fenced blocks and its code in lines of four blanks."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return re.sub(r"^ {4}.*$", "", text, flags=re.M)


def slug(heading):
    """As GitHub makes anchors."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(text):
    seen, found = {}, set()
    for heading in re.findall(r"^#{1,6} (.+)$", prose(text), re.M):
        name = slug(heading)
        n = seen.get(name, 0)
        seen[name] = n + 1
        found.add(f"{name}-{n}" if n else name)
    return found


def links(text):
    plain = re.sub(r"`[^`\n]*`", "", prose(text))
    return re.findall(r"\]\(([^)\s]+)\)", plain)

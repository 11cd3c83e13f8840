#!/usr/bin/env python3
"""vectors.json: the model still makes it, and the code says the same."""

import json
import pathlib
import unittest

import vectors
from driver import SOURCE, Batch, main

FILE = pathlib.Path(__file__).with_name("vectors.json")


def w(value):
    return str(value) if value != "" else "-"


def join(v, names):
    return " ".join(w(v[name]) for name in names.split())


# kind -> (command, names of what is asked, names of what is answered)
QUESTIONS = {
    "keys": ("derive", "DIGEST number master client_random server_random",
             "client_key client_iv server_key server_iv"),
    "record": ("seal", "number key iv type epoch seq plain", "record"),
    "cookie": ("cookie", "secret seconds peer local version random session_id", "cookie"),
    "hello_verify_request": ("hvr", "record_seq cookie", "datagram"),
    "client_hello": ("hello", "message", "answer"),
}


class Vectors(unittest.TestCase):
    def setUp(self):
        self.vectors = json.loads(FILE.read_text())

    def test_the_model_makes_them(self):
        self.assertEqual(vectors.generate(SOURCE), self.vectors)

    def test_the_code_agrees(self):
        batch = Batch(self)
        for v in self.vectors:
            if v["kind"] in QUESTIONS:
                command, asked, answered = QUESTIONS[v["kind"]]
                v = {**v, "DIGEST": v.get("digest", "").upper()}
                batch.add(f"{command} {join(v, asked)}", join(v, answered))
        batch.run()

    def test_the_code_opens_the_records(self):
        batch = Batch(self)
        for v in self.vectors:
            if v["kind"] == "record":
                batch.add(f"open {join(v, 'number key iv record')}", f"ok {w(v['plain'])}")
        batch.run()

    def test_the_code_puts_fragments_together(self):
        batch = Batch(self)
        for v in self.vectors:
            if v["kind"] == "fragments":
                told = " ".join(["stored"] * (len(v["fragments"]) - 1) + [f"stored:{v['message']}"])
                batch.add(f"reassemble {v['first']} 10000 10000 {' '.join(v['fragments'])}", told)
        batch.run()


if __name__ == "__main__":
    main()

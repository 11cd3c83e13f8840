"""What core/dtls says: the driver beside this file, asked in batches; and the random numbers of a run."""

import os
import pathlib
import random
import subprocess
import sys
import unittest

if len(sys.argv) < 3:
    sys.exit(f"usage: {sys.argv[0]} SOURCE-DIRECTORY MODEL-DRIVER [unittest options]")

PROGRAM = sys.argv.pop(2)
SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()

# DTLSD_SEED=… in the environment gives the same run again.
SEED = int(os.environ.get("DTLSD_SEED") or str(random.SystemRandom().getrandbits(64)), 0)


def seeded(test):
    """Random numbers of their own for each test, so that one can be run again alone."""
    return random.Random(f"{SEED} {test}")


def word(data):
    return data.hex() or "-"


class Batch:
    """Commands and what the model expects of them, asked all at once."""

    asked = 0

    def __init__(self, test):
        self._test, self._commands = test, []

    def add(self, command, check):
        """`check`: the answer that is expected, or a function that gets the answer."""
        self._commands.append((command, check))

    def run(self):
        done = subprocess.run([PROGRAM], input="".join(c + "\n" for c, _ in self._commands),
                              capture_output=True, text=True)
        answers = done.stdout.split("\n")[:-1]
        if done.returncode != 0 or len(answers) != len(self._commands):
            at = self._commands[len(answers)][0] if len(answers) < len(self._commands) else "the end"
            self._test.fail(f"the driver ended with {done.returncode} at: {cut(at)}\n{done.stderr}")
        for (command, check), answer in zip(self._commands, answers):
            self._compare(command, check, answer.strip())
        Batch.asked += len(answers)

    def _compare(self, command, check, answer):
        if callable(check):
            try:
                check(answer)
            except AssertionError as e:
                self._test.fail(f"{e}\nasked: {cut(command)}\nthe code: {cut(answer)}")
        elif check != answer:
            self._test.fail(f"asked: {cut(command)}\nthe code: {cut(answer)}\nmodel:    {cut(check)}")


def cut(text):
    return text if len(text) < 4000 else f"{text[:4000]}… ({len(text)} characters)"


def main():
    print(f"DTLSD_SEED={SEED}", file=sys.stderr, flush=True)
    result = unittest.main(exit=False).result
    print(f"{Batch.asked} questions, each answered as the model does" if result.wasSuccessful()
          else f"DTLSD_SEED={SEED} gives this run again", file=sys.stderr)
    sys.exit(not result.wasSuccessful())

"""``python -m tests.fuzz --inputs 10000 --seed 7``: many inputs, in processes that are ended where they hang."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from inputs import make_input
from judge import WALL_LIMIT_S, Verdict, judge

#: Wall seconds after which a process that answers nothing is ended: in machine code no alarm is heard.
_PATIENCE_S = 1.5 * WALL_LIMIT_S


class Worker:
    """A process that judges one input after another."""

    def __init__(self, seed: int) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=_work, args=(theirs, seed), daemon=True)
        self.process.start()
        self.number = -1
        self.since = 0.0

    def give(self, number: int) -> None:
        self.number, self.since = number, time.monotonic()
        self.pipe.send(number)

    def verdict(self) -> Verdict | None:
        """What it found, or that it does not answer; None as long as it may."""
        if self.pipe.poll():
            try:
                found: Verdict = self.pipe.recv()
            except EOFError:
                return Verdict("the process died", -1, 0.0, "")
            return found
        if time.monotonic() - self.since > _PATIENCE_S:
            return Verdict("no answer", -1, _PATIENCE_S, "")
        return None


def _work(pipe: Connection, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        while True:
            number = pipe.recv()
            pipe.send(judge(make_input(seed, number), Path(folder)))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--inputs", type=int, default=500)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    numbers = iter(range(given.first, given.first + given.inputs))
    idle = [Worker(given.seed) for _ in range(given.workers)]
    busy: list[Worker] = []
    codes: Counter[int] = Counter()
    problems, slowest = 0, 0.0
    while True:
        while idle and (number := next(numbers, None)) is not None:
            busy.append(idle.pop())
            busy[-1].give(number)
        if not busy:
            break
        for worker in list(busy):
            found = worker.verdict()
            if found is None:
                continue
            busy.remove(worker)
            if found.code < 0:
                worker.process.kill()
                worker, number = Worker(given.seed), worker.number
            else:
                number = worker.number
            idle.append(worker)
            codes[found.code] += 1
            slowest = max(slowest, found.time_s)
            if found.problem:
                problems += 1
                print(f"{number}: {found.problem} ({found.time_s:.1f} s)", make_input(given.seed, number), sep="\n  ")
                print(f"  {found.said[-300:]!r}", flush=True)
        time.sleep(0.002)
    told = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
    print(
        f"{given.inputs} inputs, seed {given.seed}: {problems} problems; exit codes {told}; slowest {slowest:.1f} s CPU"
    )
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()

"""``python -m tests.fuzz.metamorphic --runs 1000 --seed 7``: what must hold between two runs, on random combinations.

More work takes no less time, a better machine no more, a narrower type moves no more bytes (or is faster for it), and a
latency lies inside its band.  A result may name why it does not hold (:data:`NAMED`).  Prints the violations as they
come; ends with 1 if there are any.  What a machine refuses is left out.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from accelsim import Case, Decode, Prefill, simulate
from accelsim.errors import AccelsimError
from accelsim.results.result import Result
from accelsim.warning import warning_id

MODELS = ("gpt2-xl", "llama2-7b", "llama3-8b", "mistral-7b", "llama2-13b", "mixtral-8x7b")
GPUS = ("amd-mi300x", "nvidia-a100-sxm-80gb", "nvidia-h100-sxm", "nvidia-gb300", "nvidia-l40s")
#: Machines with the plan of their runs.
MACHINES = {
    **dict.fromkeys((*GPUS, "google-tpu-v4"), "tp=1"),
    "cerebras-wse2": "region=480x480",
    "sram-array": "region=400x400",
}
#: Machines of many chips, whose plans are searched.
SEARCHED = ("nvidia-dgx-h100:2", "nvidia-dgx-a100:4", "google-tpu-v5e-pod:4")
#: Warnings under which more work may take less time.
NAMED = {"kernel-choice"}
_ROUNDING = 1e-9

Phase = Decode | Prefill
#: Of a case, others with a word, and how the pair (given, other) must stand.
Relation = Callable[[Case, random.Random], Iterator[tuple[str, Case]]]


def more_work(case: Case, draw: random.Random) -> Iterator[tuple[str, Case]]:
    """Twice the sequences, twice their length, twice the layers."""
    phase = case.phase
    assert isinstance(phase, Phase)
    length = "context" if isinstance(phase, Decode) else "prompt"
    yield "batch x 2", case.but(phase=replace(phase, batch=2 * phase.batch))
    yield f"{length} x 2", case.but(phase=replace(phase, **{length: 2 * getattr(phase, length)}))
    yield "layers x 2", case.but(overrides=(("model.num_hidden_layers", "2x"),))


def better_machine(case: Case, draw: random.Random) -> Iterator[tuple[str, Case]]:
    """Twice of something the machine has."""
    paths = ["chip.clock", "chip.sram_per_core"]
    paths += [f"chip.memories.{name}.bandwidth" for name in case.load().job.system.chip.memories]
    path = draw.choice(paths)
    yield f"{path} x 2", case.but(overrides=((path, "2x"),))


def larger_cluster(case: Case, draw: random.Random) -> Iterator[tuple[str, Case]]:
    """Twice the chips, on which automatic plans may leave some out."""
    name, _, chips = str(case.system).partition(":")
    if chips:
        yield "chips x 2", case.but(system=f"{name}:{2 * int(chips)}")


def violations(seed: int, number: int) -> list[str]:
    """What does not hold in one random combination, in words; empty if all does or the machine refuses it.

    Args:
        seed: Of all combinations.
        number: Which of them.
    """
    draw = random.Random(f"{seed}/{number}")
    machine = draw.choice(SEARCHED if draw.random() < 0.1 else [*MACHINES])
    batch, size = draw.choice((1, 2, 4, 8, 32)), draw.choice((1, 64, 500, 1024, 4096))
    phase: Phase = draw.choice((Decode(batch=batch, context=size), Prefill(batch=batch, prompt=size)))
    case = Case(draw.choice(MODELS), machine, phase, MACHINES.get(machine, "auto"))
    less = _run(case)
    if less is None:
        return []
    found = [
        *_slower(case, less, more_work, draw, sign=1),
        *_slower(case, less, better_machine, draw, sign=-1),
        *_slower(case, less, larger_cluster, draw, sign=-1),
        *_more_bytes(case, less),
    ]
    if not less.band.low_s <= less.latency_s <= less.band.high_s:
        found.append(f"{less.latency_s} s lies outside its band {less.band.low_s} to {less.band.high_s}")
    return [f"{number}: {case.model} on {machine}, {phase}: {text}" for text in found]


def _slower(case: Case, given: Result, relation: Relation, draw: random.Random, sign: int) -> Iterator[str]:
    """Relatives of ``case`` that take less time than ``given`` (``sign`` 1), or more (-1), and do not say why."""
    for word, other in relation(case, draw):
        result = _run(other)
        if result is None or _is_named(given, result):
            continue
        if sign * (result.latency_s - given.latency_s) < -_ROUNDING * given.latency_s:
            yield f"{given.latency_s:.6g} s, but {result.latency_s:.6g} s with {word}"


def _more_bytes(case: Case, given: Result) -> Iterator[str]:
    """Bytes that int8 moves more of, and is no faster for it: the fastest tiles are taken, whatever they move."""
    narrow = _run(case.but(dtype="int8"))
    if narrow is None or narrow.plan != given.plan or narrow.latency_s < given.latency_s:
        return
    for level in given.ledger.traffic_bytes.keys() & narrow.ledger.traffic_bytes.keys():
        before, after = given.ledger.traffic_bytes[level], narrow.ledger.traffic_bytes[level]
        if level == given.machine.chip.main_memory and after > before * (1 + _ROUNDING):
            yield f"{before:.6g} bytes of {level}, but {after:.6g} in int8"


def _run(case: Case) -> Result | None:
    """None where the machine refuses."""
    try:
        return simulate(case, what_ifs=False)
    except AccelsimError:
        return None


def _is_named(*results: Result) -> bool:
    return any(warning_id(warning) in NAMED for result in results for warning in result.warnings)


def main() -> None:
    """Run combinations and print what does not hold."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=1000)
    options.add_argument("--seed", type=int, default=7)
    given = options.parse_args()
    counts: Counter[str] = Counter()
    for number in range(given.runs):
        texts = violations(given.seed, number)
        counts["violated" if texts else "held or refused"] += 1
        print("\n".join(texts), end="\n" if texts else "", flush=True)
    print(dict(counts))
    sys.exit(counts["violated"] > 0)


if __name__ == "__main__":
    main()

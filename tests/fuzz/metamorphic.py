"""``python -m tests.fuzz.metamorphic --runs 1000 --seed 7``: what must hold between two runs, on random combinations.

Prints the violations; ends with 1 if there are any.  What a machine refuses is left out.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from dataclasses import replace

from accelsim import Decode, Prefill, simulate
from accelsim.errors import AccelsimError
from accelsim.results.result import Result

MODELS = ("gpt2-xl", "llama2-7b", "llama3-8b", "mistral-7b", "llama2-13b", "mixtral-8x7b")
MACHINES = ("amd-mi300x", "nvidia-a100-sxm-80gb", "nvidia-h100-sxm", "nvidia-gb300", "nvidia-l40s", "google-tpu-v4")
#: A switch of kernel or of its range that a result names.
NAMED = "other kernel"
_ROUNDING = 1e-9

Phase = Decode | Prefill


def violations(seed: int, number: int) -> list[str]:
    """What does not hold in one random combination, in words; empty if all does or the machine refuses it.

    Args:
        seed: Of all combinations.
        number: Which of them.
    """
    draw = random.Random(f"{seed}/{number}")
    model, machine = draw.choice(MODELS), draw.choice(MACHINES)
    batch = draw.choice((1, 2, 4, 8, 32))
    size = draw.choice((1, 64, 500, 1024, 4096))
    phase: Phase = draw.choice((Decode(batch=batch, context=size), Prefill(batch=batch, prompt=size)))
    length = "context" if isinstance(phase, Decode) else "prompt"
    larger = [replace(phase, batch=2 * batch), replace(phase, **{length: 2 * size})]
    try:
        less = _run(model, machine, phase)
        more = [_run(model, machine, one) for one in larger]
    except AccelsimError:
        return []
    found = [
        f"{one}: {result.latency_s:.6g} s, but {phase}: {less.latency_s:.6g} s"
        for one, result in zip(larger, more, strict=True)
        if result.latency_s < less.latency_s * (1 - _ROUNDING) and not _is_named(less, result)
    ]
    low, high = less.band.low_s, less.band.high_s
    if not low <= less.latency_s <= high:
        found.append(f"{phase}: {less.latency_s} s lies outside its band {low} to {high}")
    return [f"{number}: {model} on {machine}: {text}" for text in found]


def _run(model: str, machine: str, phase: Phase) -> Result:
    return simulate(model, machine, phase, "tp=1", what_ifs=False)


def _is_named(*results: Result) -> bool:
    return any(NAMED in warning for result in results for warning in result.warnings)


def main() -> None:
    """Run combinations and print what does not hold."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=1000)
    options.add_argument("--seed", type=int, default=7)
    given = options.parse_args()
    found = [violations(given.seed, number) for number in range(given.runs)]
    for text in (text for texts in found for text in texts):
        print(text)
    print(dict(Counter("violated" if texts else "held or refused" for texts in found)))
    sys.exit(any(found))


if __name__ == "__main__":
    main()

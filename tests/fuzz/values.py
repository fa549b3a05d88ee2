"""Values that no one means: what a mutation puts in the place of a number, a word, a quantity or a whole text."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import yaml

NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2, 3, 7, 1_000, 65_537, 10**6, 10**9, 2**31, 2**53 + 1, 2**63, 10**18, 10**60, 10**399,
    0.5, -0.0, 1.5, 1e-9, 5e-324, 1e18, 1e72, 1e300, float("inf"), float("-inf"), float("nan"),
)  # fmt: skip
OTHERS: tuple[Any, ...] = (
    None, True, False, "", " ", "x", "null", "nan", "-", "\xe9", "\x00", "../../etc/passwd", "<b>", "9" * 5000, "1e999",
    [], {}, [1, 2], [[1, 2], [3, 4]], [0, 0], [10**6, 10**6], [1.5], ["a"], {"a": 1}, {"value": 1, "source": "x"},
)  # fmt: skip
AMOUNTS = (
    "0", "-1", "1", "2", "0.5", "1e-30", "1e-12", "1e6", "1e18", "1e30", "1e300", "9" * 50, "nan", "inf", "1e999",
)  # fmt: skip
UNITS = ("B", "GiB", "GB/s", "Gb/s", "s", "us", "ps", "Hz", "GHz", "W", "pJ/bit", "pJ/FLOP", "m", "km", "dB", "%", "")
BYTES = (b"\t", b"\xe9", b"\x00", b"&a ", b"*a", b"!!python ", b"{", b"[" * 60, b"\n")
_QUANTITY = re.compile(r"\s*(?P<number>[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?)\s*(?P<unit>[A-Za-z%/\xb5]*)\s*")


def hostile(rng: random.Random, value: Any) -> Any:
    """Something else in the place of ``value``, mostly of its own kind."""
    if rng.random() < 0.4 and (gentle := _gentle(rng, value)) is not None:
        return gentle
    if rng.random() < 0.15:
        return rng.choice(OTHERS)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        value = value if abs(value) < 1e300 else 1
        return rng.choice((rng.choice(NUMBERS), value * 10 ** rng.randint(-6, 6), -value, value + 1, str(value)))
    found = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        unit = found["unit"] if rng.random() < 0.85 else rng.choice(UNITS)
        scaled = f"{float(found['number']) * 10.0 ** rng.randint(-6, 6):g}"
        return f"{scaled if rng.random() < 0.5 else rng.choice(AMOUNTS)} {unit}".strip()
    return rng.choice((*NUMBERS, *OTHERS))


def _gentle(rng: random.Random, value: Any) -> Any:
    """A number or quantity that may be meant: some other size, the same kind; None of anything else."""
    factor = rng.choice((0.001, 0.1, 0.5, 0.9, 2.0, 3.0, 10.0, 1000.0))
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e15:
        return max(1, round(value * factor)) if rng.random() < 0.8 else value + rng.choice((-1, 1))
    if isinstance(value, float) and abs(value) < 1e30:
        return value * factor
    found = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    return None if found is None else f"{float(found['number']) * factor:g} {found['unit']}".strip()


def written(value: Any) -> str:
    """A value as it would stand behind ``--set KEY=``."""
    if isinstance(value, dict | list):
        return json.dumps(value)
    return "null" if value is None else str(value)


def mutate_tree(rng: random.Random, tree: Any) -> None:
    """One to three values or keys of a tree changed, taken away or renamed, in place."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        every = list(_places(tree))
        if not every:
            return
        leaves = [place for place in every if not isinstance(place[0][place[1]], dict | list)]
        holder, key = rng.choice(leaves if leaves and rng.random() < 0.8 else every)
        kind = rng.random()
        if kind < 0.8:
            holder[key] = hostile(rng, holder[key])
        elif kind < 0.9 or isinstance(holder, list):
            del holder[key]
        else:
            holder[f"{key}_"] = holder.pop(key)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a tree with every key in it."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def mutate_bytes(rng: random.Random, content: bytes) -> bytes:
    """A file damaged: cut, a byte changed, something put in, twice the same."""
    at = rng.randrange(len(content) + 1)
    return rng.choice(
        (
            content[:at],
            content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :],
            content[:at] + rng.choice(BYTES) + content[at:],
            content + content,
            b"\xef\xbb\xbf" + content,
            b"",
        )
    )


def mutate_word(rng: random.Random, text: str) -> str:
    """A text such as a plan or a list of spans, with a piece changed, repeated or taken away."""
    pieces = re.split(r"([,=x+:.]+)", text)
    at = rng.randrange(len(pieces))
    piece = pieces[at]
    number = int(piece) if piece.isdigit() else piece
    pieces[at] = rng.choice((written(hostile(rng, number)), piece * 2, "", piece + "0", "9" * 6000))
    return "".join(pieces).replace("\x00", "0")


def dumped(tree: Any, name: str) -> bytes:
    """A tree as the content of a file of that name."""
    if name.endswith(".json"):
        return json.dumps(tree).encode()
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode()

"""The golden matrix on disk: its runs, their stored figures, and the level of the model that these belong to.

``runs/*.txt`` hold the runs, ``matrix.json`` their figures, ``MODEL_LEVEL`` the level, ``levels.json`` for each run the
hash of its numbers at every level that changed them.  A number may only move together with the level, so that whoever
compares two results can see whether the model between them changed; ``update.py`` refuses anything else.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MATRIX, LEVELS, MODEL_LEVEL = HERE / "matrix.json", HERE / "levels.json", HERE / "MODEL_LEVEL"
CHANGELOG = HERE.parent.parent / "CHANGELOG.md"

#: Sums of floats may be formed in another order; byte counts and everything else is compared exactly.
REL_TOLERANCE = 1e-12
EXACT = ("traffic_bytes", "role_bytes", "memory_bytes")
#: What is no number of the model: these may change without a new level.
TEXTS = ("plan", "warnings", "bottleneck", "error", "text")

Figures = Mapping[str, Any]


def runs_of(name: str) -> tuple[str, ...]:
    """Runs of ``runs/NAME.txt``."""
    lines = (HERE / "runs" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def all_runs() -> tuple[str, ...]:
    """Runs of every file, by the name of the file."""
    return tuple(run for path in sorted((HERE / "runs").glob("*.txt")) for run in runs_of(path.stem))


def read_matrix() -> dict[str, Any]:
    """``model_level`` and ``runs``."""
    matrix: dict[str, Any] = json.loads(MATRIX.read_text(encoding="utf-8"))
    return matrix


def read_levels() -> dict[str, dict[str, str]]:
    """Hash of the numbers by level, by run."""
    levels: dict[str, dict[str, str]] = json.loads(LEVELS.read_text(encoding="utf-8"))
    return levels


def read_model_level() -> int:
    """Level of the model that the numbers belong to."""
    return int(MODEL_LEVEL.read_text(encoding="utf-8"))


def newest_level_of_changelog() -> int:
    """The highest N of the entries that begin with ``[MODEL] Model level N:``."""
    found = re.findall(r"^- \[MODEL\] Model level (\d+):", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    return max(map(int, found))


def write_matrix(level: int, runs: Mapping[str, Figures], levels: Mapping[str, Mapping[str, str]]) -> None:
    """Write both files, one line per run."""
    body = _one_line_each(runs)
    MATRIX.write_text(f'{{"model_level": {level}, "runs": {{\n{body}\n}}}}\n', encoding="utf-8")
    LEVELS.write_text(f"{{\n{_one_line_each(levels)}\n}}\n", encoding="utf-8")


def _one_line_each(values: Mapping[str, Any]) -> str:
    return ",\n".join(f"{json.dumps(name)}: {json.dumps(values[name], sort_keys=True)}" for name in sorted(values))


def numbers_hash(figures: Figures) -> str:
    """Short hash of the numbers of a run, texts left out."""
    numbers = {name: value for name, value in figures.items() if name not in TEXTS}
    return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()[:12]


def differences(old: Any, new: Any, field: str = "", exact: bool = False) -> Iterator[str]:
    """``field: old -> new`` of everything that differs."""
    exact = exact or field in EXACT
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys((*old, *new)):
            inner = f"{field}.{name}" if field else name
            if name not in old or name not in new:
                yield f"{inner}: {old.get(name, 'absent')} -> {new.get(name, 'absent')}"
            else:
                yield from differences(old[name], new[name], inner, exact)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, f"{field}[{index}]", exact)
    elif not _is_equal(old, new, exact):
        yield f"{field}: {old!r} -> {new!r}"


def _is_equal(old: Any, new: Any, exact: bool) -> bool:
    if isinstance(old, float) and isinstance(new, (int, float)) and not exact:
        return math.isclose(old, new, rel_tol=REL_TOLERANCE, abs_tol=0.0)
    return type(old) is type(new) and bool(old == new)


def merged(old: Figures, new: Figures) -> dict[str, Any]:
    """The new figures; where a field differs by nothing that counts, as it is stored."""
    return {
        name: old[name] if name in old and not any(differences(old[name], new[name], name)) else new[name]
        for name in new
    }

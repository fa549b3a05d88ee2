"""Run the golden matrix and store its figures: ``python tests/golden/update.py [--only PATTERN]``.

Prints which figures moved.  New runs are stored as they are.  Numbers that moved are stored only under a new level:
raise ``MODEL_LEVEL`` by one and say in CHANGELOG.md why, in an entry ``- [MODEL] Model level N: ...``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import Any

from golden_matrix import (
    LEVELS,
    MATRIX,
    all_runs,
    differences,
    merged,
    newest_level_of_changelog,
    numbers_hash,
    read_levels,
    read_matrix,
    read_model_level,
    write_matrix,
)
from golden_run import run_one


def main() -> None:
    """Update, or end with what is missing for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="Regular expression; only runs in whose line it is found.")
    only = re.compile(parser.parse_args().only)
    level = read_model_level()
    if newest_level_of_changelog() != level:
        sys.exit(f"MODEL_LEVEL is {level}, CHANGELOG.md's newest is {newest_level_of_changelog()}: make them equal.")

    runs = all_runs()
    stored: dict[str, Any] = read_matrix()["runs"] if MATRIX.exists() else {}
    history = read_levels() if LEVELS.exists() else {}
    figures = {run: stored[run] for run in runs if run in stored}
    figures |= {run: _new_figures(run, stored.get(run)) for run in runs if only.search(run)}
    levels = {run: _history(figures[run], history.get(run, {}), level) for run in figures}
    frozen = [run for run in levels if len(levels[run]) == len(history.get(run, {})) and levels[run] != history[run]]
    if frozen:
        sys.exit(
            f"Nothing is stored: numbers of {len(frozen)} runs moved, but level {level} is recorded with others. "
            f"If that is meant, write {level + 1} into MODEL_LEVEL and the reason into CHANGELOG.md."
        )
    write_matrix(level, figures, levels)


def _new_figures(run: str, old: dict[str, Any] | None) -> dict[str, Any]:
    """Figures of the run now; says what moved."""
    new: dict[str, Any] = json.loads(json.dumps(run_one(run)))
    if old is None:
        print(f"new: {run}")
        return new
    moved = list(differences(old, new))
    if moved:
        print("\n  ".join((f"moved: {run}", *moved)))
    return merged(old, new)


def _history(figures: dict[str, Any], history: dict[str, str], level: int) -> dict[str, str]:
    """Hashes by level, with the present one where it is not that of the last level."""
    now = numbers_hash(figures)
    return dict(history) if history and history[max(history, key=int)] == now else {**history, str(level): now}


if __name__ == "__main__":
    main()

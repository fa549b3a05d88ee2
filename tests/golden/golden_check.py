"""What the test files of the golden matrix share; they are several so that workers can share them out."""

from __future__ import annotations

import json
from functools import cache

from golden_matrix import differences, read_matrix
from golden_run import run_one

_stored = cache(read_matrix)


def check(run: str) -> None:
    """Fail with run, field, old and new figure where the run differs from what is stored."""
    stored = _stored()["runs"].get(run)
    assert stored is not None, f"{run}\nhas no stored figures: python tests/golden/update.py"
    found = list(differences(stored, json.loads(json.dumps(run_one(run)))))
    assert not found, "\n".join(
        (
            f"accelsim run {run}",
            *found,
            "If that is meant: python tests/golden/update.py; moved numbers need a new level.",
        )
    )

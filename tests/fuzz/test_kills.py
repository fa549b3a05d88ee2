"""A writer that is killed leaves the old or the new; thirty by hand: ``python -m tests.fuzz.kills --kills 30``."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from kills import WRITERS, kill_once


@pytest.mark.parametrize("kind", WRITERS)
def test_what_a_killed_writer_leaves_is_whole(kind: str, tmp_path: Path) -> None:
    assert kill_once(kind, tmp_path, random.Random(7)) == ""

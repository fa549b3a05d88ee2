"""What must hold between two runs, on random combinations; a thousand: ``python -m tests.fuzz.metamorphic``."""

from __future__ import annotations

import pytest
from metamorphic import violations

SEED = 7
RUNS = 40
_PARTS = 4


@pytest.mark.parametrize("part", range(_PARTS))
def test_more_work_takes_no_less_time_and_a_better_machine_no_more(part: int) -> None:
    numbers = range(part * RUNS // _PARTS, (part + 1) * RUNS // _PARTS)
    found = [text for number in numbers for text in violations(SEED, number)]
    assert not found, "\n".join(found)

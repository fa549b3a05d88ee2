"""The committed accuracy table is what the models give, and no mean error is worse than the best one recorded.

``python tests/validation/test_suites.py`` prints the table and lowers the recorded levels; it never raises one.  The
tables themselves are renewed by ``accelsim validate --update docs/validation.md --update README.md``.

Noise: the models are deterministic, so figures agree to rounding; STALE_POINTS allows for it.  A level may be exceeded
by half a point or a twentieth of itself: what a change of tile at a tie or a refit on the same rows can move.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.markdown import (
    BEGIN,
    BEGIN_SHORT,
    accuracy_table,
    recorded_rows,
    recorded_short_rows,
    short_table,
)
from accelsim.validation.suites import run_suites, suites

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "validation.md"
README = ROOT / "README.md"
LEVELS = Path(__file__).parent / "data" / "levels.csv"
COLUMNS = ("suite", "hardware", "op", "dtype")
STALE_POINTS = 0.15
NOISE_POINTS = 0.5
NOISE_SHARE = 0.05

Label = tuple[str, ...]
Figures = Mapping[Label, tuple[float, ...]]


@cache
def comparisons() -> tuple[MeasuredComparison, ...]:
    return tuple(run_suites())


def mean_errors() -> dict[Label, float]:
    """MAPE in percent by suite, hardware, operator and type."""
    rows = [row for one in comparisons() for row in one.rows()]
    return {(row.suite, row.hardware, row.op, row.dtype): 100 * row.summary.mape for row in rows}


def levels() -> dict[Label, float]:
    with LEVELS.open(encoding="utf-8") as stream:
        return {tuple(row[name] for name in COLUMNS): float(row["mape_percent"]) for row in csv.DictReader(stream)}


def allowed(level: float) -> float:
    return level + max(NOISE_POINTS, NOISE_SHARE * level)


def stale(committed: Figures, made: Figures) -> dict[str, object]:
    """Rows whose points differ, or whose figures differ by more than rounding."""
    return {
        " ".join(label): (committed[label], figures)
        for label, figures in made.items()
        if committed[label][0] != figures[0]
        or any(abs(old - new) > STALE_POINTS for old, new in zip(committed[label][1:], figures[1:], strict=True))
    }


def test_the_accuracy_table_of_the_documentation_is_what_the_command_gives() -> None:
    made = recorded_rows(f"{BEGIN}\n{accuracy_table(comparisons())}")
    committed = recorded_rows(PAGE.read_text(encoding="utf-8"))
    assert committed.keys() == made.keys(), "run: accelsim validate --update docs/validation.md"
    assert not stale(committed, made), "run: accelsim validate --update docs/validation.md"


def test_the_accuracy_table_of_the_readme_is_what_the_command_gives() -> None:
    made = recorded_short_rows(f"{BEGIN_SHORT}\n{short_table(comparisons())}")
    committed = recorded_short_rows(README.read_text(encoding="utf-8"))
    assert committed.keys() == made.keys(), "run: accelsim validate --update README.md"
    assert not stale(committed, made), "run: accelsim validate --update README.md"


@pytest.mark.parametrize("suite", suites())
def test_no_mean_error_is_worse_than_recorded_by_more_than_noise(suite: str) -> None:
    recorded = {label: level for label, level in levels().items() if label[0] == suite}
    found = mean_errors()
    assert recorded
    worse = {label: (found[label], level) for label, level in recorded.items() if found[label] > allowed(level)}
    assert not worse


def test_every_comparison_has_a_recorded_level() -> None:
    assert mean_errors().keys() == levels().keys(), "run: python tests/validation/test_suites.py"


def test_noise_is_half_a_point_or_a_twentieth() -> None:
    assert allowed(4.0) == 4.5
    assert allowed(40.0) == 42.0


def lowered(found: Mapping[Label, float], recorded: Mapping[Label, float]) -> dict[Label, float]:
    """Levels after a run: new labels enter, known ones can only fall, those that are gone leave."""
    return {label: min(value, recorded.get(label, value)) for label, value in found.items()}


def test_levels_are_never_raised() -> None:
    old, new, gone = ("a",), ("b",), ("c",)
    assert lowered({old: 7.0, new: 3.0}, {old: 5.0, gone: 1.0}) == {old: 5.0, new: 3.0}


def main() -> None:
    print(accuracy_table(comparisons()))
    known = levels() if LEVELS.exists() else {}
    with LEVELS.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*COLUMNS, "mape_percent"])
        writer.writerows([*label, f"{level:.2f}"] for label, level in sorted(lowered(mean_errors(), known).items()))


if __name__ == "__main__":
    main()

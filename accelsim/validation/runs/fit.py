"""Fits the gaps of a launch profile to measured runs of its framework, and says what they are worth on other models.

A run's time is linear in the gaps, for nothing hides them::

    time = kernels and collectives + sum over gaps of (how often it occurs) x gap

The counts are those of the simulation itself: what a run takes longer where one gap is a second.  Gaps are the
non-negative numbers that bring the logarithms of the times nearest, robustly.  Each model is left out in turn; the
logarithms of measured over predicted time of the runs left out are the spread of a profile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.calibrate import ErrorSummary
from accelsim.errors import ConfigError
from accelsim.hardware.profile import LaunchProfile, load_profile
from accelsim.registry import did_you_mean
from accelsim.validation.kinds.base import SUITE_KINDS
from accelsim.validation.runs.compare import MeasuredRun
from accelsim.validation.runs.kind import EngineRuns
from accelsim.validation.runs.run import ran
from accelsim.validation.suites import suite_table, suites

Array = NDArray[np.float64]

GAPS = ("layer_gap_s", "collective_gap_s", "step_gap_s", "sequence_gap_s")
#: Gaps that are fitted where nobody says which: with few models more of them do not tell themselves apart.
USUAL = ("layer_gap_s", "sequence_gap_s")
#: Least and largest gap, in seconds.
_MOST_S = 0.1
#: Logarithm of measured over predicted time from which a run counts less than by its square.
_SOFT = 0.15
#: Of a normal distribution, 80 % lie within so many deviations.
_WITHIN_80_PERCENT = 1.2816


@dataclass(frozen=True, eq=False)
class ProfileFit:
    """What the runs of a framework say of its profile.

    Attributes:
        profile: The one that was fitted.
        fitted: Seconds by field.
        models: Model of each run.
        measured_s: Of each run.
        before_s: Predicted without gaps.
        fitted_s: Predicted with the fitted gaps.
        unseen_s: Predicted by a fit to the runs of the other models.
    """

    profile: LaunchProfile
    fitted: Mapping[str, float]
    models: tuple[str, ...]
    measured_s: Array
    before_s: Array
    fitted_s: Array
    unseen_s: Array

    def error(self, predicted_s: Array) -> ErrorSummary:
        """Errors of predictions of the runs.

        Args:
            predicted_s: Of each run.
        """
        return ErrorSummary.of(predicted_s, self.measured_s)

    @property
    def is_worth(self) -> bool:
        """Whether the gaps gain something on models that the fit did not see."""
        return bool(self.error(self.unseen_s).mape < self.error(self.before_s).mape)

    @property
    def gaps(self) -> Mapping[str, float]:
        """The gaps that the profile states: none where they are worth nothing."""
        return self.fitted if self.is_worth else {}

    @property
    def spread(self) -> float:
        """Deviation of the logarithms of runs left out; see :func:`spread_of`."""
        return spread_of(self._logs)

    @property
    def _logs(self) -> Array:
        predicted_s = self.unseen_s if self.is_worth else self.before_s
        return np.asarray(np.log(self.measured_s / predicted_s))

    def coverage(self) -> float:
        """Share of runs inside an 80 % band whose spread is that of the other models' runs."""
        logs, names = self._logs, np.array(self.models)
        inside = 0
        for model in dict.fromkeys(self.models):
            mine = names == model
            reach = _WITHIN_80_PERCENT * spread_of(logs[~mine] if not mine.all() else logs)
            inside += int((np.abs(logs[mine]) <= reach).sum())
        return inside / len(logs)


def spread_of(logs: Array) -> float:
    """Deviation of a normal distribution around zero whose middle 80 % hold as many of the values.

    There is no bias: the gaps took it out, and what is left of one among few models is no knowledge of the next model.

    Args:
        logs: Logarithms of measured over predicted times. float64[runs].
    """
    return float(np.quantile(np.abs(logs), 0.8)) / _WITHIN_80_PERCENT


def runs_of(profile: str) -> list[MeasuredRun]:
    """The shipped runs of the framework that a profile stands for.

    Args:
        profile: Its name.

    Raises:
        ConfigError: There are none.
    """
    kinds = {name: SUITE_KINDS.get(spec.through)() for name, spec in suites().items()}
    every = [
        one for name, kind in kinds.items() if isinstance(kind, EngineRuns) for one in kind.runs(suite_table(name))
    ]
    found = [one for one in every if isinstance(one, MeasuredRun) and one.run.profile == profile]
    if not found:
        known = sorted({str(one.run.profile) for one in every if isinstance(one, MeasuredRun)})
        raise ConfigError(f"no suite has runs with the profile {profile!r}. Profiles with runs: {', '.join(known)}.")
    return found


def gap_fields(words: str) -> tuple[str, ...]:
    """The fields that words such as ``layer,sequence`` mean.

    Args:
        words: Separated by commas.

    Raises:
        ConfigError: One is no gap.
    """
    known = [gap.removesuffix("_gap_s") for gap in GAPS]
    chosen = [word.strip() for word in words.split(",")]
    for word in chosen:
        if word not in known:
            raise ConfigError(f"unknown gap {word!r}. Known: {', '.join(known)}.{did_you_mean(word, known)}")
    return tuple(gap for gap, word in zip(GAPS, known, strict=True) if word in chosen)


def fit_profile(name: str, runs: Sequence[MeasuredRun], free: Iterable[str] = USUAL) -> ProfileFit:
    """The gaps that bring a profile nearest to runs, and their errors on models left out.

    Args:
        name: Name or file of the profile.
        runs: Measured.
        free: Gaps that are fitted; the others are none.
    """
    profile = load_profile(name)[0].model_copy(update=dict.fromkeys(GAPS, 0.0) | {"spread": None})
    fields = tuple(free)
    measured = np.array([one.measured_s for one in runs])
    base = _seconds(runs, profile)
    counts = np.stack([_seconds(runs, profile.model_copy(update={gap: 1.0})) - base for gap in fields], axis=1)
    models = tuple(one.name for one in runs)
    values = _solve(base, counts, measured)
    unseen = base + counts @ values
    for model in dict.fromkeys(models):
        mine = np.array([one == model for one in models])
        if not mine.all():
            unseen[mine] = base[mine] + counts[mine] @ _solve(base[~mine], counts[~mine], measured[~mine])
    fitted = dict(zip(fields, values.tolist(), strict=True))
    return ProfileFit(profile, fitted, models, measured, base, base + counts @ values, unseen)


def _seconds(runs: Sequence[MeasuredRun], profile: LaunchProfile) -> Array:
    return np.array([ran(one.run.with_profile(profile)).seconds for one in runs])


def _solve(base: Array, counts: Array, measured: Array) -> Array:
    """Gaps in seconds, from logarithms, in units of a microsecond so that steps are of one size."""
    from scipy.optimize import least_squares

    def off(gaps_us: Array) -> Array:
        return np.asarray(np.log(measured / (base + counts @ (gaps_us * 1e-6))))

    start = np.full(counts.shape[1], 1.0)
    found = least_squares(off, start, bounds=(0.0, _MOST_S * 1e6), loss="soft_l1", f_scale=_SOFT, x_scale=10.0)
    return np.asarray(found.x * 1e-6)

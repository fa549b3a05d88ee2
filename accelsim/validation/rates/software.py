"""One factor for what a vendor's software takes beyond the calibrated operators, from rates of one suite.

It is the median of published over simulated time of the suite's rows of the same metric (decode steps; first tokens,
whose kernels are others) but those of the same model on the same system, so that no row has a part in what is said of
it: the errors shown are those of leaving it out.  A factor of software: nothing in a chip's file comes from these rows.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np

from accelsim.validation.rates.rate import Rate


def software_factor(rate: Rate) -> float:
    """Published over simulated time of the other rows of ``rate.software``."""
    others = (other for other in _ratios(rate.software) if other.metric == rate.metric)
    return float(
        np.median([other.ratio for other in others if (other.model, other.system) != (rate.model, rate.system)])
    )


class _Ratio(NamedTuple):
    """Published over simulated time of a row."""

    model: str
    system: str
    metric: str
    ratio: float


@cache
def _ratios(suite: str) -> tuple[_Ratio, ...]:
    """Those of the shipped rows of a suite."""
    from accelsim.validation.rates.price import priced
    from accelsim.validation.rates.tables import rates_of_suite

    found = []
    for rate in rates_of_suite(suite):
        ours = priced(replace(rate, software=""))
        ratio = rate.seconds_of(rate.value) / rate.seconds_of(ours.value)
        found.append(_Ratio(rate.model, rate.system, rate.metric, ratio))
    return tuple(found)

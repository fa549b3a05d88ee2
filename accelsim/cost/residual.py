"""How far measured times lie from a priced one: what the error band of a result is made of.

A residual is log-normal: the logarithm of measured over priced time is normal around zero.  Its standard deviation is
that of the rows a kernel family was fitted to, on shapes the fit did not see (``p90`` in the family's ``*_range``
section: 90 % of a normal distribution lie within 1.645 deviations).  It is wider

* outside the range of the fitted rows (docs/assumptions.md#band-outside),
* on a chip that took the family's numbers over from another one (docs/assumptions.md#band-inherited),
* where typical numbers stand in because no chip like it was measured (docs/assumptions.md#band-typical).

A whole run has one more residual, of what no operator holds (:data:`KERNEL_STACK`), with a bias: stacks take longer
than their kernels.

Not modelled: a bias of operators (fits have next to none), residuals that depend on the shape inside the range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from accelsim.hardware.chip import Chip

#: Standard deviations within which 90 % of a normal distribution lie.
WITHIN_90_PERCENT = 1.645
#: Bases of a residual, from the surest.
FITTED, OUTSIDE, INHERITED, TYPICAL, ASSUMED = (
    "fitted",
    "outside the fitted range",
    "inherited",
    "typical values",
    "assumed",
)
BASES = (FITTED, OUTSIDE, INHERITED, TYPICAL, ASSUMED)
#: Factor on the deviation outside the fitted range.  docs/assumptions.md#band-outside
OUTSIDE_FACTOR = 2.0
#: Further deviation of numbers taken over from another chip.  docs/assumptions.md#band-inherited
INHERITED_DEVIATION = 0.27
#: Further deviation of GPU kernels of another library or rig on the same chip.  docs/assumptions.md#band-libraries
LIBRARY_DEVIATION = 0.1
#: Deviation of typical numbers, and of anything no measurement stands behind.  docs/assumptions.md#band-typical
TYPICAL_DEVIATION = 0.33


@dataclass(frozen=True, slots=True)
class Residual:
    """Distribution of measured over priced time of a kernel family.

    Attributes:
        family: Kernels whose errors go together, e.g. ``gemm``, ``attention_decode``, ``mesh``.
        log_deviation: Standard deviation of the logarithm of the ratio; 0.1 is about 10 %.
        basis: What it rests on; one of :data:`BASES`.
        log_bias: Mean of that logarithm; positive where measured times are longer than priced ones.
    """

    family: str
    log_deviation: float
    basis: str = FITTED
    log_bias: float = 0.0

    @property
    def is_widened(self) -> bool:
        """Whether it rests on anything but rows measured on the chip, inside their range."""
        return self.basis != FITTED

    def outside(self) -> Residual:
        """The same family outside the range of its rows."""
        basis = OUTSIDE if self.basis == FITTED else self.basis
        return Residual(self.family, OUTSIDE_FACTOR * self.log_deviation, basis)


#: Of a price that no measurement stands behind.
UNMEASURED = Residual("unmeasured", TYPICAL_DEVIATION, ASSUMED)

_WHOLE_RUN = "whole run"
#: Of a whole run over the sum of its kernels, on machines whose host launches kernels: what an inference engine adds.
#: From every second row of tests/validation/data/inference_end_to_end.csv.  docs/assumptions.md#band-whole-run
KERNEL_STACK = Residual(_WHOLE_RUN, 0.15, FITTED, log_bias=0.15)
#: The same where operators were fitted to whole models, so that nothing is left to add.
FITTED_ON_RUNS = Residual(_WHOLE_RUN, 0.0)
#: The same where no whole model was measured: the deviation of kernels' stacks, no bias.
UNMEASURED_RUN = Residual(_WHOLE_RUN, 0.15, ASSUMED)


def log_deviation_of(p90: float) -> float:
    """Standard deviation of the log ratio when 90 % of the relative errors are at most ``p90``."""
    return math.log1p(p90) / WITHIN_90_PERCENT


def residual_of(
    chip: Chip, section: str, *, is_outside: bool = False, inherited: bool = False, further: float = 0.0
) -> Residual:
    """Residual of the kernels that a section of the chip's calibration prices.

    Args:
        chip: The chip.
        section: Name of the section; ``<section>_range`` holds the errors of its fit.
        is_outside: Whether the operator lies outside the fitted range.
        inherited: Whether the section's numbers are another chip's, beside those that ``calibration_from`` names.
        further: Deviation that the rows of the fit do not show, because they come from one source.
    """
    p90 = chip.calibration.get(f"{section}_range", {}).get("p90")
    if section not in chip.calibration:
        found = Residual(section, TYPICAL_DEVIATION, TYPICAL)
    elif inherited or section in chip.calibration_from:
        own = log_deviation_of(float(p90)) if p90 else 0.0
        found = Residual(section, math.hypot(own, INHERITED_DEVIATION), INHERITED)
    elif p90:
        found = Residual(section, math.hypot(log_deviation_of(float(p90)), further))
    else:
        found = Residual(section, TYPICAL_DEVIATION, ASSUMED)
    return found.outside() if is_outside else found

"""Optimizers: what they keep of every parameter, and what a step does with it."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean


@dataclass(frozen=True, slots=True)
class Optimizer:
    """States of an optimizer in mixed precision, all of them fp32.

    Attributes:
        name: E.g. ``"adam"``.
        states: Numbers kept of every parameter, the fp32 copy of the parameter among them.
        flops_each: Operations of a step per parameter.
    """

    name: str
    states: tuple[str, ...]
    flops_each: int

    @property
    def state_bytes(self) -> int:
        """Bytes of all states of one parameter."""
        return 4 * len(self.states)


#: Adam: two means, their corrections, root, quotient, product, sum.  Adafactor keeps a sum per row and per column of a
#: matrix, which is left out (below one part in a thousand of a wide matrix).
OPTIMIZERS = {
    one.name: one
    for one in (
        Optimizer("adam", ("master", "mean", "square"), 13),
        Optimizer("sgd", ("master", "momentum"), 4),
        Optimizer("adafactor", ("master",), 12),
    )
}


def optimizer_of(name: str) -> Optimizer:
    """The optimizer called ``name``.

    Raises:
        ConfigError: There is none.
    """
    found = OPTIMIZERS.get(name)
    if found is None:
        known = ", ".join(OPTIMIZERS)
        raise ConfigError(f"unknown optimizer {name!r}. Known: {known}.{did_you_mean(name, list(OPTIMIZERS))}")
    return found

"""What a method of quantisation is: a reader of the section of a config that describes a quantised checkpoint.

The section is ``quantization_config`` of a ``config.json`` (or of its text part), or a file beside it.  A reader says
which formats which linear layers are stored in; what the section leaves alone, and the type of the cache, are read for
all methods in one place (:mod:`accelsim.workload.formats.quantised`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accelsim.dtypes import Format
from accelsim.errors import ConfigError
from accelsim.registry import Registry
from accelsim.workload.types import LINEAR_PARTS

Stated = Mapping[str, Any]
#: Linear layers and the head: what methods take that name what they leave alone.
ALL_LINEAR = (*LINEAR_PARTS, "head")


@dataclass(frozen=True, slots=True)
class Group:
    """Linear layers that are stored alike.

    Attributes:
        weights: Format of their weights.
        inputs: Of what they are multiplied by, where it is not the format's own way.
        weight_only: Whether what they are multiplied by is not quantised, whatever the format's own way.
        targets: Patterns of their names; empty: all that no group before has.
    """

    weights: Format
    inputs: Format | None = None
    weight_only: bool = False
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a section says.

    Attributes:
        groups: Linear layers, by how they are stored; the first that fits.
        parts: Parts of a model that are quantised.
        ignored: Patterns of names that are left alone, beside those under the keys that all methods share.
    """

    groups: tuple[Group, ...]
    parts: tuple[str, ...] = LINEAR_PARTS
    ignored: tuple[str, ...] = ()

    @classmethod
    def of(cls, weights: str, parts: tuple[str, ...] = LINEAR_PARTS, weight_only: bool = False) -> Scheme:
        """One format for all.

        Args:
            weights: Name of the format.
            parts: That are quantised.
            weight_only: See :class:`Group`.
        """
        return cls((Group(Format.parse(weights), weight_only=weight_only),), parts)


#: ``quant_method`` -> reader of its section; raises ConfigError for what no format has.  A new one is one file in
#: ``quantisation/`` with this decorator.
METHODS: Registry[Callable[[Stated], Scheme]] = Registry(
    "quantisation method", "accelsim.workload.formats.quantisation"
)
register_method = METHODS.register


def integers(bits: object, group: object, has_zero: bool = False, has_index: bool = False) -> str:
    """Name of the format of integer weights with a scale per group.

    Args:
        bits: Of a weight.
        group: Rows of a group; -1 or None: all rows of a column.
        has_zero: Whether a group has a zero point too.
        has_index: Whether rows state their group.

    Raises:
        ConfigError: Other than 4 and 8 bits, or no size of a group.
    """
    if bits not in (4, 8) or not isinstance(group, int | None) or isinstance(group, bool) or group == 0:
        raise ConfigError(
            f"{bits!r} bits in groups of {group!r}: 4 and 8 bits are read, in groups of 1 and more or -1."
        )
    rows = f"g{group}" if group is not None and group > 0 else "channel"
    return f"int{bits}-{rows}{'-zp' if has_zero else ''}{'-idx' if has_index else ''}"

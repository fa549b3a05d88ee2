"""A phase from its sizes, as flags and files state them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean
from accelsim.workload.phase import PHASES, Phase, phase_of


def phase_from(kind: str | None, sizes: Mapping[str, Any]) -> Phase:
    """The phase of a kind with these sizes; without a kind, the first phase that has all of them.

    Args:
        kind: Name of a phase.
        sizes: Its sizes by name, as numbers or text.

    Raises:
        ConfigError: Unknown kind, or a size that the phase does not have, misses, or cannot have.
    """
    kind = kind or kind_of(sizes)
    check_kind(kind)
    return phase_of({"kind": kind, **sizes})


def check_kind(kind: str) -> None:
    """Refuse a kind of phase that there is not.

    Raises:
        ConfigError: It is unknown, or not modelled.
    """
    known = list(PHASES.names())
    if kind not in known:
        raise ConfigError(f"phase: unknown phase {kind!r}. Known: {', '.join(known)}.{did_you_mean(str(kind), known)}")


def kind_of(sizes: Mapping[str, Any]) -> str:
    """The first of the phases that have all the sizes given; prefill where none has, which then says so."""
    having = [kind for kind, of in PHASES.items() if set(sizes) <= {one.name for one in of.fields()}]
    return "prefill" if not having or "prefill" in having else str(having[0])

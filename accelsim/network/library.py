"""What a communication library has at a level: its algorithms, and the calibrated numbers of each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.cost.call import DEFAULT_LIBRARY
from accelsim.errors import ConfigError
from accelsim.hardware.level import (
    FASTEST_LIBRARY,
    OWN_LIBRARY,
    AlgorithmSpec,
    CollectiveSpec,
    ProtocolSpec,
    SystemLevel,
)
from accelsim.network.collectives.base import COLLECTIVES, algorithms_of, get_algorithm
from accelsim.registry import did_you_mean
from accelsim.warning import warn


@dataclass(frozen=True, slots=True)
class Numbers:
    """Calibration of one algorithm.

    Attributes:
        launch_s: Time of one call.
        copy_bytes_per_s: Rate of the pass over the rank's own chunk; infinite where there is none.
        protocols: By name; at least one.
        warnings: Why these numbers should be trusted less.
    """

    launch_s: float
    copy_bytes_per_s: float
    protocols: Mapping[str, ProtocolSpec]
    warnings: tuple[str, ...] = ()


def find_library(level: SystemLevel, library: str) -> CollectiveSpec:
    """The calibration of a library at a level.

    Args:
        level: A level of links between chips.
        library: Name of one of its libraries, or :data:`DEFAULT_LIBRARY`.

    Raises:
        ConfigError: The level has no such library.
    """
    known = level.spec.libraries
    if library == DEFAULT_LIBRARY or (library == OWN_LIBRARY and known):
        return level.collectives
    if library not in known:
        listed = ", ".join((FASTEST_LIBRARY, OWN_LIBRARY, *known)) if known else "none"
        raise ConfigError(f"{level.name}: no library {library!r}. Known: {listed}.{did_you_mean(library, list(known))}")
    return known[library]


def automatic_libraries(level: SystemLevel) -> list[str]:
    """The level's own collectives and the further libraries among which the fastest is looked for."""
    return [DEFAULT_LIBRARY, *(name for name, spec in level.spec.libraries.items() if spec.is_automatic)]


def menu(kind: str, library: CollectiveSpec) -> tuple[list[str], bool]:
    """Algorithms among which ``auto`` chooses, and whether the library lists them; else all that need no listing.

    Args:
        kind: Collective, e.g. ``all_reduce``.
        library: Calibration of a library, with the algorithms it lists.

    Raises:
        ConfigError: The library lists an algorithm that no collective has.
    """
    known = algorithms_of(kind)
    every = {name.partition("/")[2] for name in COLLECTIVES.names()}
    listed = []
    for entry, spec in library.algorithms.items():
        name, _, only = entry.partition("/")
        if name not in every:
            raise ConfigError(
                f"collectives.algorithms: unknown algorithm {name!r}. Known: {', '.join(sorted(every))}."
                f"{did_you_mean(name, sorted(every))}"
            )
        if name in known and (kind == only or (not only and (not spec.kinds or kind in spec.kinds))):
            listed.append(name)
    if listed:
        return list(dict.fromkeys(listed)), True
    return [name for name in known if not get_algorithm(kind, name).opt_in], False


def outside_measured(library: CollectiveSpec, nbytes: int, num_ranks: int) -> tuple[str, ...]:
    """A text for the size and the number of ranks of a call that the calibration did not see.

    Args:
        library: Calibration with the ranges that it was fitted to, where it states them.
        nbytes: Bytes of the call.
        num_ranks: Ranks of the call.
    """
    found = []
    for name, value in (("bytes", nbytes), ("ranks", num_ranks)):
        low, high = library.measured.get(name, (value, value))
        if not low <= value <= high:
            found.append(f"{value} {name} are outside the measured {low} to {high}.")
    return tuple(found)


def numbers_for(level: SystemLevel, kind: str, algorithm: str, library: str = DEFAULT_LIBRARY) -> Numbers:
    """Calibration of an algorithm at a level: its own numbers, else the library's.

    Args:
        level: A level of links between chips.
        kind: Collective, e.g. ``all_reduce``.
        algorithm: One of its algorithms.
        library: Name of a library of the level.

    Raises:
        ConfigError: The level has no such library, or no hardware for the algorithm.
    """
    spec = find_library(level, library)
    own = spec.algorithms.get(f"{algorithm}/{kind}") or spec.algorithms.get(algorithm, AlgorithmSpec())
    if algorithm not in spec.algorithms and get_algorithm(kind, algorithm).opt_in:
        raise ConfigError(
            f"{level.name}: {algorithm} needs hardware that this level does not state. "
            f"List it under system.levels.{level.name}.collectives.algorithms if the switch can do it."
        )
    if own.kinds and kind not in own.kinds:
        own = AlgorithmSpec()
    protocols = dict(own.protocols or spec.protocols)
    warnings: tuple[str, ...] = ()
    if not protocols:
        protocols = {"ideal": ProtocolSpec()}
        text = f"{level.name}: collectives are not calibrated; the link's own latency and bandwidth are used."
        warnings = (warn("collective-uncalibrated", text),)
    launch_s = spec.launch_s if own.launch_s is None else own.launch_s
    copy_bytes_per_s = own.copy_bandwidth_bytes_per_s or spec.copy_bandwidth_bytes_per_s or math.inf
    return Numbers(launch_s, copy_bytes_per_s, protocols, warnings)


def allowed_protocols(numbers: Numbers, step_bytes: int, call_bytes: int = 0) -> list[str]:
    """Protocols used for steps of that size; the ones for the largest steps where none is meant for them.

    Args:
        numbers: Calibration of an algorithm, with its protocols.
        step_bytes: Bytes of the largest message of a step.
        call_bytes: Bytes of the call.
    """
    meant = [name for name, spec in numbers.protocols.items() if _is_meant(spec, step_bytes, call_bytes)]
    limits = {name: spec.max_step_bytes or math.inf for name, spec in numbers.protocols.items()}
    return meant or [name for name, limit in limits.items() if limit == max(limits.values())]


def _is_meant(spec: ProtocolSpec, step_bytes: int, call_bytes: int) -> bool:
    low, high = spec.min_step_bytes or 0, spec.max_step_bytes or math.inf
    return low <= step_bytes <= high and call_bytes <= (spec.max_call_bytes or math.inf)

"""The same system with one resource faster: the second half of every what-if."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from accelsim.cost.base import is_fixed, with_stand_ins
from accelsim.cost.causes import CLOCKED, COLLECTIVE_LAUNCH, FIXED_CYCLES, LINK_BYTES, LINK_LATENCY, POWER_LIMIT
from accelsim.hardware.chip import Chip
from accelsim.hardware.level import CollectiveSpec, Level, ProtocolSpec
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.system import System
from accelsim.units import parse_quantity

#: A changed system and what was changed, e.g. ``"2x hbm bandwidth"``.
Relieved = tuple[System, str]

#: What the calibrated times behind a cause are called.
_FIXED = {"launch": "launch overhead", "latency": "latency of kernels", FIXED_CYCLES: FIXED_CYCLES}


def reliefs(system: System, cause: str, factor: float) -> Iterator[Relieved]:
    """Every way to speed up what stands behind a cause of time, each alone; none where nothing can be changed.

    The clock of the cores leaves every memory and link as it is (their bandwidths are absolute).  Times and cycles that
    a calibration gives for a cause whatever the sizes (``CostModel.fixed``) are a way of their own.

    Args:
        system: The system as described.
        cause: A cause of :class:`accelsim.results.account.Ledger`.
        factor: How much faster, > 1.

    Examples:
        >>> from accelsim.hardware.system import load_system
        >>> [change for _, change in reliefs(load_system("cerebras-cs2"), "fixed cycles", 2.0)]
        ['2x core clock', '1/2 fixed cycles']
    """
    times, part = f"{factor:g}x", f"1/{factor:g}"
    if cause == "host link" and system.host is not None:
        host = system.host.model_copy(update={"link": _faster_link(system.host.link, factor)})
        yield replace(system, host=host), f"{times} host link bandwidth"
    between = _BETWEEN_CHIPS.get(cause)
    if between is not None and system.levels:
        change, words = between
        levels = {name: replace(one, spec=change(one.spec, factor)) for name, one in system.levels.items()}
        yield replace(system, levels=levels), words.format(times=times, part=part)
    chip = _faster_chip(system.chip, cause, factor)
    if chip is not None:
        what = "core clock" if cause in CLOCKED else cause if cause == POWER_LIMIT else f"{cause} bandwidth"
        yield replace(system, chip=chip), f"{times} {what}"
    quick = _quick_chip(system.chip, cause, factor)
    if quick is not None:
        yield replace(system, chip=quick), f"{part} {_FIXED.get(cause, f'{cause} time')}"


def _more_bandwidth(level: Level, factor: float) -> Level:
    return level.model_copy(update={"link": _faster_link(level.link, factor)})


def _near(level: Level, factor: float) -> Level:
    """The level with shorter links and steps."""
    link = level.link.model_copy(update={"latency_s": level.link.latency_s / factor})
    return _with_libraries(level, lambda one: _quick_steps(one, factor)).model_copy(update={"link": link})


def _quick_calls(level: Level, factor: float) -> Level:
    """The level with shorter launches of its collectives, those of its libraries too."""
    return _with_libraries(level, lambda one: _quick_library(one, factor))


def _with_libraries(level: Level, change: Callable[[CollectiveSpec], CollectiveSpec]) -> Level:
    libraries = {name: change(library) for name, library in level.libraries.items()}
    return level.model_copy(update={"collectives": change(level.collectives), "libraries": libraries})


#: What to change of a level for a cause between chips, and how it reads.
_BETWEEN_CHIPS: Mapping[str, tuple[Callable[[Level, float], Level], str]] = {
    LINK_BYTES: (_more_bandwidth, "{times} link bandwidth"),
    LINK_LATENCY: (_near, "{part} link latency"),
    COLLECTIVE_LAUNCH: (_quick_calls, "{part} launch of collectives"),
}


def _quick_steps(library: CollectiveSpec, factor: float) -> CollectiveSpec:
    return _with_protocols(library, lambda one: one.model_copy(update={"step_latency_s": one.step_latency_s / factor}))


def _quick_library(library: CollectiveSpec, factor: float) -> CollectiveSpec:
    """The library with shorter launches, and passes of a rank over its own chunk, which count as one."""
    quick = _with_protocols(library, lambda one: one.model_copy(update={"launch_s": one.launch_s / factor}))
    algorithms = {
        name: one if one.launch_s is None else one.model_copy(update={"launch_s": one.launch_s / factor})
        for name, one in quick.algorithms.items()
    }
    copying = library.copy_bandwidth_bytes_per_s
    changed = {
        "launch_s": library.launch_s / factor,
        "algorithms": algorithms,
        "copy_bandwidth_bytes_per_s": None if copying is None else copying * factor,
    }
    return quick.model_copy(update=changed)


def _with_protocols(library: CollectiveSpec, change: Callable[[ProtocolSpec], ProtocolSpec]) -> CollectiveSpec:
    """The library with other protocols, those of its algorithms too."""
    algorithms = {
        name: one.model_copy(update={"protocols": {key: change(value) for key, value in one.protocols.items()}})
        for name, one in library.algorithms.items()
    }
    protocols = {name: change(one) for name, one in library.protocols.items()}
    return library.model_copy(update={"protocols": protocols, "algorithms": algorithms})


def _faster_link(link: LinkSpec, factor: float) -> LinkSpec:
    return link.model_copy(update={"bandwidth_bytes_per_s": link.bandwidth_bytes_per_s * factor})


def _quick_chip(chip: Chip, cause: str, factor: float) -> Chip | None:
    """Every calibrated time behind ``cause`` shorter; None for a chip whose calibration has none."""
    before = with_stand_ins(chip)
    calibration = {
        section: {
            key: _divided(value, factor) if is_fixed(chip, cause, f"{section}.{key}") else value
            for key, value in values.items()
        }
        for section, values in before.items()
    }
    return chip.model_copy(update={"calibration": calibration}) if calibration != before else None


def _divided(value: object, factor: float) -> object:
    """A time with its unit, or a number of cycles."""
    return value / factor if isinstance(value, (int, float)) else f"{parse_quantity(str(value), 'time') / factor!r} s"


def _faster_chip(chip: Chip, cause: str, factor: float) -> Chip | None:
    if cause in CLOCKED:
        return chip.model_copy(update={"clock_hz": chip.clock_hz * factor})
    if cause == POWER_LIMIT:
        return chip.model_copy(update={"tdp_w": chip.tdp_w * factor})
    for field, memories in (("memories", chip.memories), ("behind", chip.behind)):
        if cause in memories:
            bandwidth = memories[cause].bandwidth_bytes_per_s * factor
            faster = memories[cause].model_copy(update={"bandwidth_bytes_per_s": bandwidth})
            return chip.model_copy(update={field: {**memories, cause: faster}})
    if cause == "sram":
        bandwidth = chip.sram_bandwidth_per_core_bytes_per_s * factor
        return chip.model_copy(update={"sram_bandwidth_per_core_bytes_per_s": bandwidth})
    if cause == "noc" and chip.noc is not None:
        noc = {
            "link_bandwidth_bytes_per_s": chip.noc.link_bandwidth_bytes_per_s * factor,
            "hop_latency_s": chip.noc.hop_latency_s / factor,
        }
        return chip.model_copy(update={"noc": chip.noc.model_copy(update=noc)})
    return None

"""The same system with one resource faster: the second half of every what-if."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from accelsim.hardware.chip import Chip
from accelsim.hardware.level import CollectiveSpec, Level, ProtocolSpec
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.system import System
from accelsim.units import parse_quantity

#: What communication between chips takes whatever its bytes: latency of links, launch and steps of collectives.
LINK_LATENCY = "link latency"


def relieve(system: System, cause: str, factor: float) -> tuple[System, str] | None:
    """Speed up the resource behind a cause of time.

    ``compute`` raises the clock of the cores and leaves every memory and link as it is (their bandwidths are
    absolute); a memory level, ``sram`` or ``noc`` gets ``factor`` times its bandwidth; ``exposed communication``
    does so for every level of links; ``link latency`` divides the latency of every link, and the fixed times of
    collectives and their steps, by ``factor``; ``launch`` does so with every launch overhead of the chip.

    Args:
        system: The system as described.
        cause: A cause of :class:`accelsim.results.account.Ledger`.
        factor: How much faster, > 1.

    Returns:
        The changed system and what was changed (``"2x hbm bandwidth"``); None if no field stands behind the cause.
    """
    times = f"{factor:g}x"
    if cause == "exposed communication":
        levels = {name: level.with_link(_faster_link(level.link, factor)) for name, level in system.levels.items()}
        return replace(system, levels=levels), f"{times} link bandwidth"
    if cause == LINK_LATENCY:
        calls = {name: replace(level, spec=_quick_calls(level.spec, factor)) for name, level in system.levels.items()}
        return replace(system, levels=calls), f"1/{factor:g} latency and launch of collectives"
    if cause == "launch":
        quick = _quick_launch(system.chip, factor)
        return None if quick is None else (replace(system, chip=quick), f"1/{factor:g} launch overhead")
    if cause == "host link" and system.host is not None:
        host = system.host.model_copy(update={"link": _faster_link(system.host.link, factor)})
        return replace(system, host=host), f"{times} host link bandwidth"
    chip = _faster_chip(system.chip, cause, factor)
    if chip is None:
        return None
    what = "core clock" if cause == "compute" else f"{cause} bandwidth"
    return replace(system, chip=chip), f"{times} {what}"


def _quick_calls(level: Level, factor: float) -> Level:
    """The level with shorter fixed times, those of its libraries too."""
    link = level.link.model_copy(update={"latency_s": level.link.latency_s / factor})
    libraries = {name: _quick_library(library, factor) for name, library in level.libraries.items()}
    own = _quick_library(level.collectives, factor)
    return level.model_copy(update={"link": link, "collectives": own, "libraries": libraries})


def _quick_library(library: CollectiveSpec, factor: float) -> CollectiveSpec:
    algorithms = {
        name: one.model_copy(
            update={
                "launch_s": None if one.launch_s is None else one.launch_s / factor,
                "protocols": _quick_protocols(one.protocols, factor),
            }
        )
        for name, one in library.algorithms.items()
    }
    protocols = _quick_protocols(library.protocols, factor)
    changed = {"launch_s": library.launch_s / factor, "protocols": protocols, "algorithms": algorithms}
    return library.model_copy(update=changed)


def _quick_protocols(protocols: Mapping[str, ProtocolSpec], factor: float) -> dict[str, ProtocolSpec]:
    return {
        name: one.model_copy(update={"launch_s": one.launch_s / factor, "step_latency_s": one.step_latency_s / factor})
        for name, one in protocols.items()
    }


def _faster_link(link: LinkSpec, factor: float) -> LinkSpec:
    return link.model_copy(update={"bandwidth_bytes_per_s": link.bandwidth_bytes_per_s * factor})


def _quick_launch(chip: Chip, factor: float) -> Chip | None:
    """Every calibrated ``launch`` shorter; None for a chip whose cost model has none."""
    calibration = {
        section: {
            key: f"{parse_quantity(str(value), 'time') / factor!r} s" if key == "launch" else value
            for key, value in values.items()
        }
        if "launch" in values
        else values
        for section, values in chip.calibration.items()
    }
    if not any("launch" in values for values in calibration.values()):
        return None
    return chip.model_copy(update={"launch_s": chip.launch_s / factor, "calibration": calibration})


def _faster_chip(chip: Chip, cause: str, factor: float) -> Chip | None:
    if cause == "compute":
        return chip.model_copy(update={"clock_hz": chip.clock_hz * factor})
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

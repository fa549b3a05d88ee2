"""What ``accelsim show NAME`` says of a file, as plain data in SI units; the JSON of ``--json`` is this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.catalog import Catalog
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.config.document import Source
    from accelsim.hardware.chip import Chip
    from accelsim.hardware.system import System

#: Kinds of the catalog that have a card, in the order in which a name is looked up.
KINDS = ("systems", "chips", "models", "profiles")
_NOT_STRUCTURE = (
    *("schema_version", "kind", "name", "description", "source", "hf_ids", "checks", "warnings"),
    *("stored", "tower_params"),  # said in lines of their own
)


def find_file(name: str, others: Iterable[str]) -> Path:
    """The file of a system, chip, model or profile.

    Args:
        name: A name, a path, or a model's id at Hugging Face.
        others: Further words that the command knows, for the error.

    Raises:
        ConfigError: There is none.
    """
    from accelsim.workload.formats._ids import find_model

    bare = name.partition(":")[0] if not Path(name).exists() else name
    try:
        return Catalog().find_any(KINDS, bare)[1]
    except ConfigError as error:
        if "/" in name:
            return find_model(name, Catalog())
        raise ConfigError(f"{error}\nOr one of: {', '.join(others)}.") from error


def card_of(name: str, others: Iterable[str] = ()) -> dict[str, Any]:
    """The card of a file: of a folder or a ``config.json`` that of the model in it.

    Args:
        name: As of :func:`find_file`; systems may have a size, ``NAME:16``.
        others: As of :func:`find_file`.

    Raises:
        ConfigError: There is no such file, or it is wrong.
    """
    if Path(name).is_dir():
        return _model_card(name)
    path = find_file(name, others)
    kind = _kind_of(path)
    if kind in ("system", "chip"):
        from accelsim.hardware.system import load_system

        system = load_system(name)
        return _chip_card(system) if kind == "chip" else _system_card(system, path)
    if kind == "profile":
        from accelsim.hardware.profile import load_profile

        return {"kind": kind, **load_profile(name)[0].model_dump(mode="json")}
    return _model_card(name)


def _kind_of(path: Path) -> str:
    """What a file says it is, or the file that it extends; a model where nothing is said."""
    from accelsim.config.loader import load_document

    data: Any = load_document(path).data
    if "kind" not in data and "extends" in data:
        return _kind_of(Catalog().find_any(KINDS, str(data["extends"]))[1])
    return str(data.get("kind", "model"))


def _chip_card(system: System) -> dict[str, Any]:
    chip = system.chip
    return {
        "kind": "chip",
        "name": chip.name,
        "description": chip.description,
        "cost_model": chip.cost_model,
        **_chip_figures(chip),
        "calibration": sorted(name for name in chip.calibration if not name.endswith("_range")),
        "calibration_from": dict(chip.calibration_from),
        **_sources(system.provenance, "chip."),
    }


def _chip_figures(chip: Chip) -> dict[str, Any]:
    memories = {
        name: {"capacity_bytes": one.capacity_bytes, "bandwidth_bytes_per_s": one.bandwidth_bytes_per_s}
        for name, one in chip.all_memories.items()
    }
    noc = None
    if chip.noc is not None:
        noc = {
            "topology": chip.noc.topology,
            "link_bandwidth_bytes_per_s": chip.noc.link_bandwidth_bytes_per_s,
            "hop_latency_s": chip.noc.hop_latency_s,
        }
    return {
        "core_grid": list(chip.core_grid),
        "clock_hz": chip.clock_hz,
        "peak_flops_per_s": {dtype.value: chip.peak_flops_per_s(dtype) for dtype in chip.matrix_flops_per_cycle},
        "vector_flops_per_s": {dtype.value: chip.vector_flops_per_s(dtype) for dtype in chip.vector_flops_per_cycle},
        "sram_per_core_bytes": chip.sram_per_core_bytes,
        "sram_bytes": chip.sram_bytes,
        "sram_bandwidth_bytes_per_s": chip.num_cores * chip.sram_bandwidth_per_core_bytes_per_s,
        "memories": memories,
        "noc": noc,
        "launch_s": chip.launch_s,
        "tdp_w": chip.tdp_w,
        "idle_w": chip.idle_w,
    }


def _system_card(system: System, path: Path) -> dict[str, Any]:
    from accelsim.config.loader import load_document

    data: Any = load_document(path).data
    host = system.host
    return {
        "kind": "system",
        "name": system.name,
        "description": data.get("description", ""),
        "chip": system.chip.name,
        "num_chips": system.num_chips,
        "max_chips": system.max_chips,
        "levels": [
            {
                "name": name,
                "topology": level.spec.topology,
                "size": level.spec.size,
                "members": level.size,
                "bandwidth_bytes_per_s": level.link.bandwidth_bytes_per_s,
                "latency_s": level.link.latency_s,
                "energy_j_per_byte": level.link.energy_j_per_byte,
                "algorithms": sorted(level.spec.collectives.algorithms),
            }
            for name, level in system.levels.items()
        ],
        "host_bandwidth_bytes_per_s": None if host is None else host.link.bandwidth_bytes_per_s,
        "chip_figures": _chip_figures(system.chip),
        **_sources(system.provenance, "system."),
    }


def _sources(provenance: Mapping[str, Source], prefix: str) -> dict[str, Any]:
    """How many values have a source of which kind, and which are assumed."""
    of_file = {path.removeprefix(prefix): source for path, source in provenance.items() if path.startswith(prefix)}
    assumed = [path for path, source in of_file.items() if source.kind == "assumed"]
    return {"sources": dict(Counter(str(source.kind) for source in of_file.values())), "assumed": assumed}


def _towers(params: int | None) -> str:
    """What is known of encoders of images or sound, in words."""
    if params is None:
        return "not counted: only the language model of the config is read; its encoders are left out of every run"
    return f"{params:,} parameters, on top; left out of every run" if params else "none"


def _model_card(name: str) -> dict[str, Any]:
    from accelsim.workload.counts import counts_of
    from accelsim.workload.formats.hf import load_model

    model = load_model(name)
    stated = model.model_dump(mode="json", exclude_defaults=True)
    return {
        "kind": "model",
        "name": model.name,
        "description": model.description,
        "hf_ids": list(model.hf_ids),
        **asdict(counts_of(model)),
        "towers": _towers(model.tower_params),
        "types": model.own_types.to_dict(),
        "layers": [
            {"count": count, "block": layer.block, "attention": layer.attention, "window": layer.window}
            for layer, count in model.layers
        ],
        "structure": {key: value for key, value in stated.items() if key not in _NOT_STRUCTURE},
        "warnings": list(model.warnings),
    }

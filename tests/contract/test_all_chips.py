"""What every shipped chip and system file must do."""

from __future__ import annotations

import pickle

import pytest

from accelsim.catalog import Catalog
from accelsim.config.loader import load_document, resolve_extends
from accelsim.cost.base import COST_MODELS
from accelsim.cost.call import Call
from accelsim.hardware.cut import allowed_sizes
from accelsim.hardware.optical.load import with_optics
from accelsim.hardware.system import SystemSpec, load_chip, load_system
from accelsim.network.collective import collective_steps
from accelsim.network.topology import TOPOLOGIES, build_topology

CHIPS = Catalog(environment=()).names("chips")
SYSTEMS = Catalog(environment=()).names("systems")
UNSOURCED = {
    "schema_version",
    "kind",
    "name",
    "description",
    "cost_model",
    "chip",
    "default_chips",
    "optical",
    "optics",
    "through",
    "circuits",
    "sums",
    "topology",
    "pattern",
}


def unsourced(node: object, path: str = "") -> list[str]:
    """Key paths of plain values in a tree whose values should all state a source."""
    from accelsim.config.tree import Node

    assert isinstance(node, Node)
    if node.is_sourced:
        return []
    if not node.children:
        return [path] if node.value is not None else []  # null takes away a section of the file that this one extends
    return [found for key, child in node.children.items() for found in unsourced(child, f"{path}.{key}".strip("."))]


@pytest.mark.parametrize("name", CHIPS)
def test_a_chip_loads_reproduces_its_published_peaks_and_has_a_cost_model(name: str) -> None:
    chip = load_chip(name)
    assert chip.name == name
    assert chip.check_problems() == []
    assert chip.checks is not None
    assert chip.checks.peak_flops, "no published peak is checked"
    assert chip.cost_model in COST_MODELS
    assert chip.main_memory_bytes > 0


@pytest.mark.parametrize("name", CHIPS)
def test_memories_get_larger_and_slower_away_from_the_core(name: str) -> None:
    chip = load_chip(name)
    sizes = [chip.sram_bytes if len(chip.memories) < 1 else 0, *(m.capacity_bytes for m in chip.memories.values())]
    assert sizes == sorted(sizes)
    energies = [chip.sram_energy_j_per_byte, *(memory.energy_j_per_byte for memory in chip.memories.values())]
    assert energies == sorted(energies)
    assert min(energies) > 0


@pytest.mark.parametrize(("kind", "name"), [*(("chips", n) for n in CHIPS), *(("systems", n) for n in SYSTEMS)])
def test_every_number_states_its_source_and_kind(kind: str, name: str) -> None:
    document = load_document(Catalog(environment=()).find(kind, name))
    loose = [path for path in unsourced(document.root) if not path.startswith(("checks", "calibration", "extends"))]
    loose = [path for path in loose if ".algorithms." not in path and not path.endswith(("falls_back", "is_automatic"))]
    allowed = {"extents.0", "chips_per_host"}
    numbers = [
        path
        for path in loose
        if path.split(".")[-1] not in UNSOURCED | allowed and ".extents." not in path and path != "noc.topology"
    ]
    assert numbers == []
    for path, source in document.sources().items():
        if not path.startswith("calibration"):
            assert source.kind, f"{path} has no kind"
            assert source.source, f"{path} has no source"


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_loads_at_its_default_and_at_every_small_size(name: str) -> None:
    system = load_system(name)
    assert system.name == name
    catalog = Catalog(environment=())
    document = resolve_extends(
        load_document(catalog.find("systems", name)), lambda parent, _: catalog.find("systems", parent)
    )
    document = with_optics(document, (), catalog)
    spec = SystemSpec.model_validate(document.data, context={"from_file": True})
    for size in [size for size in allowed_sizes(spec.levels) if size <= 64]:
        sized = load_system(f"{name}:{size}")
        assert sized.num_chips == size
        for level in sized.levels.values():
            assert build_topology(level).num_chips == level.size


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_prices_collectives_over_all_its_chips_without_a_warning(name: str) -> None:
    system = load_system(name)
    if system.num_chips == 1:
        assert system.levels == {}
        return
    for kind in ("all_reduce", "all_gather", "reduce_scatter"):
        small, large = (collective_steps(Call(kind, nbytes, system.num_chips), system) for nbytes in (1024, 2**28))
        assert 0 < small.work_s < large.work_s
        others = [text for text in (*small.warnings, *large.warnings) if "outside the measured" not in text]
        assert others == []


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_survives_pickling_and_names_known_topologies(name: str) -> None:
    system = load_system(name)
    assert pickle.loads(pickle.dumps(system)) == system
    assert all(level.topology in TOPOLOGIES for level in system.levels.values())


@pytest.mark.parametrize("name", CHIPS)
def test_a_chip_draws_power_while_it_idles_and_the_busy_power_of_its_class(name: str) -> None:
    chip = load_chip(name)
    if name.startswith("sram-"):  # chips of studies, without power of their own
        return
    assert 0 < chip.idle_w < chip.tdp_w
    if chip.cost_model == "gpu" and name.startswith(("nvidia", "amd")):  # docs/assumptions.md#energy-busy
        assert chip.busy_w == pytest.approx(0.5 * chip.tdp_w, abs=1)
    assert chip.idle_w + chip.busy_w < chip.tdp_w

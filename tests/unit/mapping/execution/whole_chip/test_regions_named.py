"""A model that fills several regions of a wafer says how many."""

import pytest

from accelsim import Decode, simulate
from accelsim.errors import CapacityError

#: 129,600 cores; llama3-8b holds 16.13 GB, blocks whole: 360 x 360 x 32 KiB are 4.247 GB.
REGION, PHASE = "region=360x360", Decode(1, 512)


def run(sram):
    overrides = (("chip.sram_per_core", sram),)
    return simulate("llama3-8b", "cerebras-wse2", PHASE, REGION, overrides=overrides, what_ifs=False)


@pytest.mark.parametrize(("sram", "used"), [("32 KiB", 4), ("48 KiB", 3), ("96 KiB", 2), ("128 KiB", 1)])
def test_less_sram_per_core_takes_more_regions_and_the_same_time(sram, used):
    result = run(sram)
    assert result.footprint.regions.used == used
    assert result.to_dict()["memory_regions"]["used"] == used
    assert f"in {used} of 5 regions of 360x360 cores" in str(result.footprint.regions)
    assert result.latency_s == run("48 KiB").latency_s


def test_more_regions_than_there_are_cores_for_are_refused():
    assert run("28 KiB").footprint.regions.used == 5
    with pytest.raises(CapacityError, match="fill 6 regions of 360x360 cores, the chip has cores for 5"):
        run("26 KiB")


def test_a_chip_with_a_main_memory_has_none():
    assert simulate("gpt2-xl", "nvidia-h100-sxm", PHASE, "tp=1", what_ifs=False).footprint.regions is None

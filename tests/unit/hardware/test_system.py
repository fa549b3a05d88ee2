from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.catalog import Catalog
from accelsim.errors import ConfigError
from accelsim.hardware.cut import split_size
from accelsim.hardware.system import load_system


def shape(reference: str) -> tuple[int, ...]:
    return load_system(reference).levels["ici"].shape


def test_a_chip_is_a_system_of_one() -> None:
    system = load_system("nvidia-h100-sxm")
    assert (system.num_chips, dict(system.levels), system.name) == (1, {}, "nvidia-h100-sxm")
    with pytest.raises(ConfigError, match="a chip is a system of one"):
        load_system("nvidia-h100-sxm:8")


def test_inner_levels_fill_before_outer_ones() -> None:
    assert [level.size for level in load_system("nvidia-dgx-a100:4").levels.values()] == [4]
    levels = load_system("nvidia-dgx-a100:24").levels
    assert {name: level.size for name, level in levels.items()} == {"nvlink": 8, "infiniband": 3}


def test_a_number_that_leaves_a_node_part_filled_lists_the_sizes_near_it() -> None:
    with pytest.raises(ConfigError, match=r"nvidia-dgx-a100:17: .* at most 4480. Nearest sizes: .*8, 16, 24"):
        load_system("nvidia-dgx-a100:17")
    assert load_system("nvidia-dgx-a100:4480").num_chips == 4480
    with pytest.raises(ConfigError, match="at most 4480"):
        load_system("nvidia-dgx-a100:4488")


@pytest.mark.parametrize(
    ("chips", "expected"),
    [(2, (2, 1, 1)), (4, (2, 2, 1)), (8, (2, 2, 2)), (16, (2, 2, 4)), (32, (2, 4, 4)), (64, (4, 4, 4)),
     (128, (4, 4, 8)), (256, (4, 8, 8)), (512, (8, 8, 8)), (4096, (16, 16, 16))],
)  # fmt: skip
def test_a_number_of_tpus_is_the_published_slice(chips: int, expected: tuple[int, ...]) -> None:
    assert shape(f"google-tpu-v4-pod:{chips}") == expected


def test_only_extents_that_are_multiples_of_four_wrap() -> None:
    assert load_system("google-tpu-v4-pod:2x4x4").levels["ici"].wrap == (False, True, True)


def test_slices_above_a_cube_are_whole_cubes() -> None:
    assert shape("google-tpu-v4-pod:4x4x12") == (4, 4, 12)
    with pytest.raises(ConfigError, match=r"google-tpu-v4-pod:2x4x8: .* Nearest shapes: .*4x4x4"):
        load_system("google-tpu-v4-pod:2x4x8")


@pytest.mark.parametrize("reference", ["nvidia-dgx-a100:", "nvidia-dgx-a100:0", "nvidia-dgx-a100:4x"])
def test_a_malformed_size_is_an_error(reference: str) -> None:
    with pytest.raises(ConfigError, match="number of chips"):
        load_system(reference)


def test_split_size_leaves_paths_alone() -> None:
    assert split_size("dir/my.yaml") == ("dir/my.yaml", None)
    assert split_size("dir/my.yaml:4x4x8") == ("dir/my.yaml", "4x4x8")


def test_overrides_reach_links_and_are_typed() -> None:
    system = load_system("nvidia-dgx-a100", [("system.levels.nvlink.link.bandwidth", "600 GB/s")])
    assert system.levels["nvlink"].link.bandwidth_bytes_per_s == 600e9
    with pytest.raises(ConfigError, match="has no unit"):
        load_system("nvidia-dgx-a100", [("system.levels.nvlink.link.bandwidth", "600")])
    with pytest.raises(ConfigError, match=r"--set chip.clok=1 GHz: clok: unknown key 'clok'.*Did you mean 'clock'"):
        load_system("nvidia-dgx-a100", [("chip.clok", "1 GHz")])
    with pytest.raises(ConfigError, match="Did you mean 'chip'"):
        load_system("nvidia-dgx-a100", [("chp.clock", "1 GHz")])
    with pytest.raises(ConfigError, match="is one chip and has no system"):
        load_system("nvidia-a100-sxm-80gb", [("system.default_chips", "1")])


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown system or chip 'nvidia-dgx-a10'.*Did you mean 'nvidia-dgx-a100'"):
        load_system("nvidia-dgx-a10")


def test_a_file_of_ones_own_with_its_chip_beside_it(tmp_path: Path) -> None:
    catalog = Catalog(environment=())
    shutil.copy(catalog.find("chips", "nvidia-a100-sxm-80gb"), tmp_path / "mine-chip.yaml")
    (tmp_path / "mine.yaml").write_text("extends: nvidia-dgx-a100\nname: mine\nchip: mine-chip.yaml\n")
    system = load_system(f"{tmp_path / 'mine.yaml'}:16")
    assert (system.name, system.num_chips) == ("mine", 16)
    assert [Path(path).name for path, _ in system.files] == ["mine-chip.yaml", "mine.yaml", "nvidia-dgx-a100.yaml"]
    assert all(len(sha256) == 64 for _, sha256 in system.files)


def test_a_system_whose_chip_is_unknown_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: nvidia-dgx-a100\nname: mine\nchip: nvidia-a100-sxm\n")
    with pytest.raises(ConfigError, match=r"mine.yaml:3: chip: unknown chip 'nvidia-a100-sxm'"):
        load_system(str(tmp_path / "mine.yaml"))


def test_groups_span_the_levels_between_their_ranks() -> None:
    system = load_system("nvidia-dgx-a100:32")

    def span(ranks: int, stride: int) -> dict[str, int]:
        return {part.level.name: part.members for part in system.group(ranks, stride)}

    assert span(8, 1) == {"nvlink": 8}
    assert span(16, 1) == {"nvlink": 8, "infiniband": 2}
    assert span(4, 8) == {"infiniband": 4}
    assert span(2, 4) == {"nvlink": 2}
    assert span(8, 4) == {"nvlink": 2, "infiniband": 4}
    assert span(1, 1) == {}
    with pytest.raises(ConfigError, match="33 ranks, 1 apart, do not fit 32 chips"):
        system.group(33)


@given(st.sampled_from([1, 2, 4, 8, 16, 32]), st.sampled_from([1, 2, 4, 8, 16, 32]))
def test_members_of_a_group_multiply_to_its_ranks(ranks: int, stride: int) -> None:
    if ranks * stride <= 32:
        product = 1
        for part in load_system("nvidia-dgx-a100:32").group(ranks, stride):
            product *= part.members
        assert product == ranks


@pytest.mark.parametrize("reference", ["google-tpu-v4-pod", "nvidia-dgx-h100", "graphcore-pod64"])
def test_the_slice_of_a_number_is_the_most_cubic_of_all_slices(reference):
    for level in (one.spec for one in load_system(reference).levels.values()):
        every = [one for one in level.slices() if level.is_slice(one)]
        for members in (1, 2, 3, 8, 24, 64, 128, 256):
            fitting = [one for one in every if math.prod(one) == members]
            expected = min(fitting, key=lambda s: (sum(s), [n == 1 for n in s], s), default=None)
            assert level.slice_of(members) == expected


def test_a_chip_may_extend_a_file_beside_it_without_saying_that_it_is_a_chip(tmp_path: Path) -> None:
    shutil.copy(Catalog().find("chips", "nvidia-a100-sxm-80gb"), tmp_path / "mine.yaml")
    (tmp_path / "variant.yaml").write_text("extends: mine.yaml\nname: variant\ntdp: 300 W\n")
    (tmp_path / "variant-of-variant.yaml").write_text("extends: variant.yaml\nname: second\n")
    assert load_system(str(tmp_path / "variant.yaml")).chip.tdp_w == 300.0
    assert load_system(str(tmp_path / "variant-of-variant.yaml")).chip.tdp_w == 300.0


@pytest.mark.parametrize(("parent", "complaint"), [("nonesuch", "nonesuch"), ("variant.yaml", "circle")])
def test_an_extended_file_that_is_missing_or_in_a_circle_is_named(tmp_path: Path, parent: str, complaint: str) -> None:
    (tmp_path / "variant.yaml").write_text(f"extends: {parent}\nname: variant\n")
    with pytest.raises(ConfigError, match=complaint):
        load_system(str(tmp_path / "variant.yaml"))


@pytest.mark.parametrize("name", ["switch8", "graph8"])
def test_a_system_without_a_number_of_chips_is_one_whole_innermost_level(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2] / "data" / "inputs")
    assert load_system(f"{name}.yaml").num_chips == 8
    assert load_system(f"{name}.yaml:1").num_chips == 1

"""A file that did not change is parsed and checked once per process; one that did, or is another one, is seen."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from accelsim.catalog import Catalog, packaged_root
from accelsim.config.document import MAX_KEPT
from accelsim.config.loader import load_document, parse_document
from accelsim.errors import ConfigError
from accelsim.hardware.inherit import inherit_calibration
from accelsim.hardware.optical.load import load_optics
from accelsim.hardware.profile import load_profile
from accelsim.hardware.system import load_system
from accelsim.workload.formats.hf import load_model, load_model_file

CHIPS = packaged_root() / "hw_configs" / "chips"
CONFIG = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 100,
    "max_position_embeddings": 64,
    "hidden_act": "silu",
}


def copy_of(chip: str, folder: Path, old: str = "", new: str = "") -> Path:
    """The file of a packaged chip in ``folder``, with ``old`` replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (CHIPS / f"{chip}.yaml").read_text(encoding="utf-8")
    assert old in text
    (folder / f"{chip}.yaml").write_text(text.replace(old, new), encoding="utf-8")
    return folder / f"{chip}.yaml"


def write_json(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_second_load_gives_the_same_object() -> None:
    assert load_document(CHIPS / "google-tpu-v4.yaml") is load_document(CHIPS / "google-tpu-v4.yaml")
    assert load_system("nvidia-dgx-h100:16") is load_system("nvidia-dgx-h100:16")
    assert load_system("nvidia-dgx-h100:16").chip is load_system("nvidia-h100-sxm").chip
    assert load_model("llama3-8b") is load_model("llama3-8b")
    assert load_optics("pluggable-1600g") is load_optics("pluggable-1600g")
    assert load_profile("eager")[0] is load_profile("eager")[0]


def test_a_size_of_a_system_is_another_system() -> None:
    assert load_system("nvidia-dgx-h100:16").num_chips == 16
    assert load_system("nvidia-dgx-h100").num_chips == load_system("nvidia-dgx-h100:8").num_chips == 8


def test_a_config_is_read_once_and_named_by_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for name in ("one", "two"):  # the same bytes under the same relative path
        write_json(tmp_path / name / "config.json", CONFIG)
        monkeypatch.chdir(tmp_path / name)
        names.append(load_model("config.json").name)
        assert load_model(tmp_path / name) is load_model(tmp_path / name)
    assert names == ["one", "two"]


def test_messages_name_the_file_as_seen_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_json(tmp_path / "a" / "x.json", {"key": 1})
    shown = []
    for folder in (tmp_path, tmp_path / "a"):
        monkeypatch.chdir(folder)
        shown.append(load_document(path).where("key"))
    assert shown == ["a/x.json:1", "x.json:1"]


def test_a_changed_file_is_seen_even_with_its_old_time_and_size(tmp_path: Path) -> None:
    path = copy_of("google-tpu-v4", tmp_path)
    before, times = load_system(str(path)), path.stat()
    copy_of("google-tpu-v4", tmp_path, "value: 1050 MHz", "value: 1051 MHz")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (times.st_size, times.st_mtime_ns)
    after = load_system(str(path))
    assert (before.chip.clock_hz, after.chip.clock_hz) == (1.050e9, 1.051e9)
    assert before.files != after.files
    copy_of("google-tpu-v4", tmp_path)
    assert load_system(str(path)).chip.clock_hz == 1.050e9


def test_a_changed_parent_is_seen_through_extends(tmp_path: Path) -> None:
    copy_of("nvidia-a100-sxm-80gb", tmp_path)
    child = tmp_path / "child.yaml"
    child.write_text("extends: nvidia-a100-sxm-80gb.yaml\nname: child\n")
    before = load_system(str(child))
    copy_of("nvidia-a100-sxm-80gb", tmp_path, "value: 400 W", "value: 401 W")
    after = load_system(str(child))
    assert (before.chip.tdp_w, after.chip.tdp_w) == (400.0, 401.0)
    assert after.files[0] == before.files[0] and after.files[1] != before.files[1]


def test_a_changed_chip_is_seen_through_the_calibration_taken_over_from_it(tmp_path: Path) -> None:
    taker = write_json(tmp_path / "taker.json", {"calibration_from": {"gemm": "giver.json"}})
    launches = []
    for launch in ("1 us", "2 us", "1 us"):
        write_json(tmp_path / "giver.json", {"calibration": {"gemm": {"launch": launch}}})
        filled = inherit_calibration(load_document(taker), lambda name, _: tmp_path / name)
        launches.append(filled.node("calibration.gemm.launch").value)
    assert launches == ["1 us", "2 us", "1 us"]


def test_overrides_make_another_system_and_leave_the_first_as_it_was() -> None:
    plain, slow = load_system("nvidia-dgx-h100"), load_system("nvidia-dgx-h100", [("chip.tdp", "500 W")])
    assert (plain.chip.tdp_w, slow.chip.tdp_w) == (700.0, 500.0)
    assert load_system("nvidia-dgx-h100", [("chip.tdp", "500 W")]) is slow
    assert load_system("nvidia-dgx-h100") is plain
    both = [("chip.tdp", "500 W"), ("chip.tdp", "400 W")]
    assert load_system("nvidia-dgx-h100", both).chip.tdp_w == 400.0  # the last one wins
    assert load_system("nvidia-dgx-h100", both[::-1]).chip.tdp_w == 500.0
    assert load_model_file("llama3-8b", overrides=[("num_hidden_layers", "2")]).spec.num_hidden_layers == 2
    assert load_model("llama3-8b").num_hidden_layers == 32


def test_catalogs_do_not_see_each_others_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for watts, folder in enumerate(("one", "two", "environment"), start=1):
        copy_of("google-tpu-v4", tmp_path / folder, "value: 192 W", f"value: {watts} W")
    powers = [load_system("google-tpu-v4", catalog=Catalog([tmp_path / name])).chip.tdp_w for name in ("one", "two")]
    monkeypatch.setenv("ACCELSIM_PATH", str(tmp_path / "environment"))
    powers.append(load_system("google-tpu-v4").chip.tdp_w)
    monkeypatch.delenv("ACCELSIM_PATH")
    powers.append(load_system("google-tpu-v4").chip.tdp_w)
    assert powers == [1.0, 2.0, 3.0, 192.0]


def test_a_file_that_comes_to_shadow_a_name_is_seen(tmp_path: Path) -> None:
    catalog = Catalog([tmp_path])
    assert load_system("google-tpu-v4", catalog=catalog).chip.tdp_w == 192.0
    copy_of("google-tpu-v4", tmp_path, "value: 192 W", "value: 200 W")
    assert load_system("google-tpu-v4", catalog=catalog).chip.tdp_w == 200.0


def test_an_error_is_told_again_and_gone_once_the_file_is_mended(tmp_path: Path) -> None:
    path = copy_of("google-tpu-v4", tmp_path, "value: 192 W", "value: 192")
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"tdp: .* has no unit"):
            load_system(str(path))
    copy_of("google-tpu-v4", tmp_path)
    assert load_system(str(path)).chip.tdp_w == 192.0


def test_documents_are_equal_when_they_were_made_alike() -> None:
    first, second = (parse_document("a: 1", "x").apply_override("a", "2") for _ in range(2))
    assert first == second and hash(first) == hash(second)
    others = [
        parse_document("a: 1", "x"),
        parse_document("a: 1", "y").apply_override("a", "2"),
        parse_document("a: 2", "x"),
        parse_document("a: 1", "x").apply_override("a", "2", "another origin"),
        parse_document("a: 1", "x").apply_override("a", "2").apply_override("a", "2"),
    ]
    assert len({first, *others}) == 1 + len(others)


def test_more_documents_than_are_kept_are_still_right() -> None:
    texts = [f"a: {number}" for number in range(2 * MAX_KEPT)]
    assert [parse_document(text).data for text in texts * 2] == [{"a": n} for n in range(2 * MAX_KEPT)] * 2


def test_threads_load_equal_systems() -> None:
    overrides = [("chip.tdp", "432 W")]  # nothing else loads it: the threads race for the first load
    with ThreadPoolExecutor(8) as pool:
        systems = list(pool.map(lambda _: load_system("nvidia-dgx-h100", overrides), range(16)))
    assert {system.chip.tdp_w for system in systems} == {432.0}
    assert all(system.chip == systems[0].chip and system.files == systems[0].files for system in systems)

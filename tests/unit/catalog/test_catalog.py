"""Names resolve to files: the user's folders first, then the packaged ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from accelsim import catalog as catalog_module
from accelsim.catalog import Catalog, packaged_root
from accelsim.errors import ConfigError


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A packaged tree with two chips and a system, as an installed wheel has it."""
    root = tmp_path / "site" / "accelsim" / "_data"
    for relative in ("hw_configs/chips/alpha.yaml", "hw_configs/chips/beta.yaml", "hw_configs/systems/pod.yaml"):
        file = root / relative
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("name: x\n")
    (root / "workloads" / "models").mkdir(parents=True)
    monkeypatch.setattr(catalog_module, "__file__", str(root.parent / "catalog.py"))
    monkeypatch.delenv("ACCELSIM_PATH", raising=False)
    return root


def test_packaged_names_resolve(packaged: Path) -> None:
    assert Catalog().names("chips") == ["alpha", "beta"]
    assert Catalog().find("chips", "alpha") == packaged / "hw_configs/chips/alpha.yaml"
    assert Catalog().names("models") == Catalog().names("optics") == []


def test_checkout_and_wheel_have_the_same_layout_below_their_root() -> None:
    assert (packaged_root() / "hw_configs" / "chips").is_dir()


@pytest.mark.parametrize("layout", ["hw_configs/chips", "chips", "."])
def test_a_users_folder_wins_however_it_is_laid_out(packaged: Path, tmp_path: Path, layout: str) -> None:
    mine = tmp_path / "mine"
    (mine / layout).mkdir(parents=True, exist_ok=True)
    (mine / layout / "alpha.yml").write_text("name: mine\n")
    assert Catalog([mine]).find("chips", "alpha") == mine / layout / "alpha.yml"
    assert Catalog([mine]).names("chips") == ["alpha", "beta"]


def test_argument_beats_environment_beats_package(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("argument", "environment"):
        (tmp_path / name / "chips").mkdir(parents=True)
    (tmp_path / "environment/chips/alpha.yaml").write_text("name: e\n")
    monkeypatch.setenv("ACCELSIM_PATH", os.pathsep.join([str(tmp_path / "environment"), str(tmp_path / "missing")]))
    catalog = Catalog([tmp_path / "argument"])
    assert catalog.find("chips", "alpha") == tmp_path / "environment/chips/alpha.yaml"
    (tmp_path / "argument/chips/alpha.yaml").write_text("name: a\n")
    assert catalog.find("chips", "alpha") == tmp_path / "argument/chips/alpha.yaml"
    assert catalog.find("chips", "beta") == packaged / "hw_configs/chips/beta.yaml"


def test_an_existing_path_is_taken_as_it_is(packaged: Path, tmp_path: Path) -> None:
    file = tmp_path / "any" / "config.json"
    file.parent.mkdir()
    file.write_text("{}")
    assert Catalog().find("models", file) == file


def test_a_file_in_the_current_folder_does_not_hide_a_name(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("alpha").write_text("not a chip")
    assert Catalog().find("chips", "alpha") == packaged / "hw_configs/chips/alpha.yaml"


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("chips", "alhpa", "unknown chip 'alhpa'. Known: alpha, beta. Did you mean 'alpha'?"),
        ("models", "llama", "unknown model 'llama'. Known: none."),
        ("chip", "alpha", "unknown kind 'chip'. Known: chips, systems, optics, profiles, models, runs, traces."),
        ("chips", "./alhpa.yaml", "alhpa.yaml: no such file."),
        ("chips", "no/such/folder.yaml", "The folder no/such does not exist."),
        ("chips", "../secrets", "no such file"),
        ("chips", "x" * 5000, "unknown chip"),
        ("chips", "zero\0byte", "unknown chip"),
        ("chips", "", "unknown chip ''"),
    ],
)
def test_unknown_names_are_explained(packaged: Path, kind: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Catalog().find(kind, name)
    assert message in str(caught.value)


def test_several_kinds_are_searched_in_turn(packaged: Path) -> None:
    assert Catalog().find_any(("systems", "chips"), "pod")[0] == "systems"
    assert Catalog().find_any(("systems", "chips"), "beta")[0] == "chips"
    with pytest.raises(ConfigError, match=r"unknown system or chip 'bta'\. Known: pod, alpha, beta\. .*'beta'"):
        Catalog().find_any(("systems", "chips"), "bta")


def test_an_incomplete_installation_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_module, "__file__", str(tmp_path / "accelsim" / "catalog.py"))
    with pytest.raises(ConfigError, match="Reinstall accelsim"):
        packaged_root()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a package on the import path that announces one of its own folders as holding files; returns it."""

    def install(value: str) -> Path:
        info = tmp_path / "site" / "brings_files-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brings-files\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[accelsim.catalog]\nmine = {value}\n")
        folder = tmp_path / "site" / "brings_files" / "files"
        (folder / "chips").mkdir(parents=True)
        monkeypatch.syspath_prepend(tmp_path / "site")
        return folder

    return install


def test_files_of_an_outside_package_come_last(package: Callable[[str], Path], tmp_path: Path) -> None:
    folder = package("brings_files.files")
    for name in ("my-chip", "nvidia-h100-sxm"):
        (folder / "chips" / f"{name}.yaml").write_text("name: theirs")
    catalog = Catalog(environment=())
    assert "my-chip" in catalog.names("chips")
    assert catalog.find("chips", "my-chip") == folder / "chips" / "my-chip.yaml"
    assert catalog.find_any(("systems", "chips"), "my-chip") == ("chips", folder / "chips" / "my-chip.yaml")
    assert catalog.find("chips", "nvidia-h100-sxm") == packaged_root() / "hw_configs" / "chips" / "nvidia-h100-sxm.yaml"
    (tmp_path / "my-chip.yaml").write_text("name: mine")
    assert Catalog([tmp_path]).find("chips", "my-chip") == tmp_path / "my-chip.yaml"


@pytest.mark.parametrize("value", ["brings_files.no_such_folder", "no_such_package_anywhere.files", "json.decoder"])
def test_a_package_that_announces_no_folder_is_named(package: Callable[[str], Path], value: str) -> None:
    package(value)
    assert Catalog(environment=()).find("chips", "nvidia-h100-sxm").is_file()  # our own names need no package
    with pytest.raises(ConfigError, match=rf"plugin 'mine' \({value}\).*brings-files 1.0"):
        Catalog(environment=()).names("chips")


def test_a_folder_of_a_checkpoint_stands_for_its_config(tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text("{}")
    assert Catalog().find("models", tmp_path) == tmp_path / "params.json"
    (tmp_path / "config.json").write_text("{}")
    assert Catalog().find_any(("systems", "models"), tmp_path) == ("systems", tmp_path / "config.json")
    with pytest.raises(ConfigError, match="no such file"):
        Catalog().find("models", tmp_path / "empty")

"""Families find their members by themselves and say so when they cannot."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from accelsim.errors import ConfigError
from accelsim.registry import Registry, did_you_mean, nearest_name

BASE = "from accelsim.registry import Registry\nSHAPES = Registry('shape', 'family_under_test')\n"
MEMBER = (
    "from family_under_test.base import SHAPES\n@SHAPES.register('{name}')\ndef {name}_{suffix}(): return '{suffix}'\n"
)


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Registry[Callable[[], str]]]]:
    """Builds a package with one member per given ``file=name`` and returns its registry."""
    monkeypatch.syspath_prepend(tmp_path)

    def build(**files: str) -> Registry[Callable[[], str]]:
        package = tmp_path / "family_under_test"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "base.py").write_text(BASE)
        for file, name in files.items():
            (package / f"{file}.py").write_text(MEMBER.format(name=name, suffix=file))
        registry: Registry[Callable[[], str]] = importlib.import_module("family_under_test.base").SHAPES
        return registry

    yield build
    for name in [name for name in sys.modules if name.startswith("family_under_test")]:
        del sys.modules[name]


def test_members_are_found_in_the_folder_and_sorted_by_name(family: Callable[..., Registry[Callable[[], str]]]) -> None:
    shapes = family(one="torus", two="ring")
    assert shapes.names() == ["ring", "torus"]
    assert [name for name, _ in shapes.items()] == list(shapes) == ["ring", "torus"]
    assert shapes.get("torus")() == "one"
    assert "ring" in shapes and "line" not in shapes and len(shapes) == 2


def test_nothing_is_imported_before_the_first_lookup(family: Callable[..., Registry[Callable[[], str]]]) -> None:
    shapes = family(one="torus")
    assert "family_under_test.one" not in sys.modules
    assert "not yet discovered" in repr(shapes)
    shapes.names()
    assert "family_under_test.one" in sys.modules


def test_private_modules_are_not_members(family: Callable[..., Registry[Callable[[], str]]]) -> None:
    assert family(_helper="ring", one="torus").names() == ["torus"]


def test_unknown_name_lists_the_known_and_suggests_the_nearest(
    family: Callable[..., Registry[Callable[[], str]]],
) -> None:
    with pytest.raises(ConfigError) as caught:
        family(one="torus", two="ring").get("tours")
    assert str(caught.value) == "unknown shape 'tours'. Known: ring, torus. Did you mean 'torus'?"


def test_one_name_in_two_files_is_an_error_that_names_both(family: Callable[..., Registry[Callable[[], str]]]) -> None:
    shapes = family(one="torus", two="torus")
    with pytest.raises(ConfigError, match=r"two members of shape are named 'torus': .*one\.py:\d+ and .*two\.py:\d+"):
        shapes.names()


def test_reloading_a_module_replaces_its_members(family: Callable[..., Registry[Callable[[], str]]]) -> None:
    shapes = family(one="torus")
    before = shapes.get("torus")
    importlib.reload(sys.modules["family_under_test.one"])
    assert shapes.get("torus") is not before


def test_origin_names_file_and_line(family: Callable[..., Registry[Callable[[], str]]]) -> None:
    assert family(one="torus").origin("torus").endswith("one.py:2")


def test_classes_and_functions_are_returned_unchanged() -> None:
    shapes: Registry[object] = Registry("shape", "accelsim.errors")

    @shapes.register("circle")
    class Circle:
        pass

    @shapes.register("square")
    def square() -> int:
        return 4

    assert shapes.registered("circle") is Circle and square() == 4


def with_plugin(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    point = EntryPoint("mine", value, "accelsim.plugins")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [point])


def test_a_plugin_module_adds_members(
    family: Callable[..., Registry[Callable[[], str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = family(one="torus")
    (tmp_path / "family_under_test_plugin.py").write_text(MEMBER.format(name="dragonfly", suffix="plugin"))
    with_plugin(monkeypatch, "family_under_test_plugin")
    assert shapes.names() == ["dragonfly", "torus"]


def test_a_plugin_installed_on_the_import_path_is_found_by_every_family(
    family: Callable[..., Registry[Callable[[], str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Registry("shape", "accelsim.errors").names() == []  # an earlier family has looked for plugins
    site = tmp_path / "site"
    (site / "mine-1.0.dist-info").mkdir(parents=True)
    (site / "mine-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (site / "mine-1.0.dist-info" / "entry_points.txt").write_text("[accelsim.plugins]\nmine = installed_plugin\n")
    (site / "installed_plugin.py").write_text(MEMBER.format(name="mesh", suffix="site"))
    monkeypatch.syspath_prepend(site)
    assert family(one="torus").names() == ["mesh", "torus"]


def test_a_broken_plugin_is_named(
    family: Callable[..., Registry[Callable[[], str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = family(one="torus")
    with_plugin(monkeypatch, "no_such_module_anywhere")
    with pytest.raises(
        ConfigError, match=r"plugin 'mine' \(no_such_module_anywhere\) cannot be loaded: ModuleNotFound"
    ):
        shapes.names()


@pytest.mark.parametrize(
    ("name", "near"),
    [("tours", "torus"), ("Fat-Tree", "fat_tree"), ("a100", "nvidia-a100"), ("zzz", None), ("", None)],
)
def test_nearest_name_forgives_spelling_case_and_parts(name: str, near: str | None) -> None:
    known = ["torus", "fat_tree", "nvidia-a100"]
    assert nearest_name(name, known) == near
    assert did_you_mean(name, known) == (f" Did you mean {near!r}?" if near else "")


def test_a_name_that_holds_every_word_is_nearer_than_one_of_like_letters() -> None:
    assert nearest_name("nvidia-a100-sxm", ["nvidia-h100-sxm", "nvidia-a100-sxm-40gb"]) == "nvidia-a100-sxm-40gb"

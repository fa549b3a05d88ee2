"""Key paths, overrides and sources of a document."""

from __future__ import annotations

import pytest
from machine_spec import GOOD

from accelsim.config.document import Document, Source
from accelsim.config.loader import parse_document
from accelsim.errors import ConfigError


@pytest.fixture
def document() -> Document:
    return parse_document(GOOD, "foo.yaml")


def test_every_key_knows_its_line(document: Document) -> None:
    paths = [
        "name",
        "clock",
        "memories.hbm.bandwidth",
        "levels.1.topology",
        "levels[1].topology",
        "levels.pod.num_links",
    ]
    assert [document.line(path) for path in paths] == [1, 2, 6, 11, 11, 11]
    assert document.where("busy") == "foo.yaml:12"


def test_plain_data_has_the_sources_unwrapped(document: Document) -> None:
    assert document.data["clock"] == "1410 MHz"  # type: ignore[index,call-overload]
    assert document.data["memories"]["hbm"]["bandwidth"] == "2 TB/s"  # type: ignore[index,call-overload]


def test_sources_are_found_by_key_path(document: Document) -> None:
    assert document.sources() == {
        "clock": Source("1410 MHz", "white paper", "datasheet", "boost", "foo.yaml:2"),
        "memories.hbm.bandwidth": Source("2 TB/s", None, "measured", None, "foo.yaml:6"),
    }


def test_an_override_replaces_a_value_and_its_source(document: Document) -> None:
    changed = document.apply_override("clock", "1 GHz")
    assert changed.data["clock"] == "1 GHz"  # type: ignore[index,call-overload]
    assert changed.sources()["clock"] == Source("1 GHz", "--set", "override", None, "--set clock=1 GHz")
    assert changed.overrides == (("clock", "1 GHz"),)
    assert document.data["clock"] == "1410 MHz"  # type: ignore[index,call-overload]  # the original stays


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("levels.pod.num_links", "8", {"name": "pod", "topology": "torus", "num_links": 8}),
        ("levels.1.num_links", "8", {"name": "pod", "topology": "torus", "num_links": 8}),
        ("levels.pod.mode", "half", {"name": "pod", "topology": "torus", "num_links": 4, "mode": "half"}),
    ],
)
def test_an_override_reaches_into_lists_by_name_or_index_and_may_add_a_key(
    document: Document, path: str, text: str, expected: dict[str, object]
) -> None:
    assert document.apply_override(path, text).data["levels"][1] == expected  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("text", "value"),
    [("64 KiB", "64 KiB"), ("5", 5), ("1e-3", 1e-3), ("null", None), ("[1, 2]", [1, 2]), ("a: b", "a: b")],
)
def test_override_text_is_read_like_a_value_of_a_file(document: Document, text: str, value: object) -> None:
    assert document.apply_override("name", text).data["name"] == value  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "memores.hbm.capacity",
            "no key 'memores'. Keys here: name, clock, memories, levels, busy. Did you mean 'memories'?",
        ),
        ("memories.hbn.capacity", "memories: no key 'hbn'. Keys here: hbm. Did you mean 'hbm'?"),
        ("memories.hbm", "'memories.hbm' is a section. Set one of its keys: capacity, bandwidth."),
        ("name.first", "name: is a plain value and has no key 'first'."),
        ("levels.5.mode", "levels: no element '5'; write an index from 0 to 1; elements: board, pod."),
        ("levels..mode", "'levels..mode' is not a key path"),
        ("", "'' is not a key path"),
    ],
)
def test_an_override_that_leads_nowhere_names_the_nearest_key(document: Document, path: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        document.apply_override(path, "1")
    assert message in str(caught.value)

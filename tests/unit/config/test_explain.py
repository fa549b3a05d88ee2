"""Help on fields, and the JSON Schema that editors use."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator
from machine_spec import GOOD, Machine

from accelsim.config.explain import explain, field_paths, json_schema
from accelsim.config.loader import parse_document, validate
from accelsim.errors import ConfigError

ROOTS = {"machine": Machine}


def test_a_quantity_is_explained_with_unit_range_and_default() -> None:
    found = explain("machine.memories.bandwidth", ROOTS)
    assert found.meaning == "Peak rate, per direction."
    assert found.unit == "a bandwidth, e.g. '900 GB/s'; units: B/s, kB/s, MB/s, GB/s, TB/s, PB/s, EB/s"
    assert (found.kind, found.range, found.default) == ("quantity", "greater than 0", "required")


def test_the_meaning_may_stand_in_the_docstring_of_the_class() -> None:
    assert explain("machine.memories.capacity", ROOTS).meaning == "Bytes a program can use, spares left out."
    latency = explain("machine.memories.latency", ROOTS)
    assert (latency.meaning, latency.default, latency.range) == ("Time of one access.", "0 s", "0 or more")


def test_choices_and_plain_values_list_what_is_allowed() -> None:
    assert explain("machine.levels.topology", ROOTS).range == "ring | torus"
    mode = explain("machine.levels.mode", ROOTS)
    assert (mode.kind, mode.range, mode.default) == ("choice", "half | full", "full")
    links = explain("machine.levels.num_links", ROOTS)
    assert (links.kind, links.range, links.default) == ("a whole number", "greater than 0", "1")
    assert explain("machine.busy", ROOTS).range == "from 0 to 1"


def test_sections_list_their_keys() -> None:
    assert explain("machine", ROOTS).meaning == "A machine for tests. More text."
    assert explain("machine.levels", ROOTS).kind == "sections"
    spare = explain("machine.spare", ROOTS)
    assert (spare.kind, spare.keys, spare.default) == ("section", ("capacity", "bandwidth", "latency"), "none")


@pytest.mark.parametrize(
    "path",
    [
        "machine.levels.num_links",
        "machine.levels.pod.num_links",
        "machine.levels[0].num_links",
        "num_links",
        "levels.num_links",
    ],
)
def test_one_field_has_many_spellings(path: str) -> None:
    assert explain(path, ROOTS).path == "machine.levels.num_links"


def test_python_names_are_understood_too() -> None:
    assert explain("machine.clock_hz", ROOTS).path == "machine.clock"


def test_sources_of_files_are_shown() -> None:
    provenance = {"small": validate(parse_document(GOOD, "foo.yaml"), Machine).provenance}
    assert explain("clock", ROOTS, provenance).sources["small"].source == "white paper"  # type: ignore[index]
    assert list(explain("machine.memories.bandwidth", ROOTS, provenance).sources or ()) == [
        "small memories.hbm.bandwidth"
    ]
    assert list(explain("machine.memories.hbm.bandwidth", ROOTS, provenance).sources or ()) == ["small"]
    assert not explain("machine.memories.sram.bandwidth", ROOTS, provenance).sources


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "machine.clok",
            "unknown field 'machine.clok'. Keys of machine: name, clock, memories, levels, busy, spare, peaks.",
        ),
        ("machine.clok", "Did you mean 'clock'?"),
        ("machin.clock", "Did you mean 'machine.clock'?"),
        ("bandwith", "Did you mean 'bandwidth'?"),
        ("machine.clock.x", "machine.clock is a value and has no keys."),
        (
            "capacity",
            "is the end of several fields: machine.memories.capacity, machine.spare.capacity. Write one of them.",
        ),
        ("", "is not a key path"),
    ],
)
def test_unknown_fields_suggest_the_nearest(path: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        explain(path, ROOTS)
    assert message in str(caught.value)


def test_every_listed_path_can_be_explained() -> None:
    paths = field_paths(ROOTS)
    assert "machine.levels.topology" in paths
    assert [explain(path, ROOTS).path for path in paths] == paths


def errors(text: str) -> list[str]:
    schema = json_schema(Machine)
    Draft202012Validator.check_schema(schema)
    return [error.json_path for error in Draft202012Validator(schema).iter_errors(parse_document(text).root.plain())]


def test_the_json_schema_accepts_a_good_file_with_its_sources() -> None:
    assert errors(GOOD) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (GOOD + "clok: 1 GHz\n", "$"),
        ("name: x\n", "$"),  # clock is missing
        (GOOD.replace("80 GiB", "80"), "$.memories"),
        (GOOD.replace("kind: measured", "kind: guess"), "$.memories"),
        (GOOD.replace("topology: ring", "topology: rng"), "$.levels"),
    ],
)
def test_the_json_schema_refuses_what_the_loader_refuses(text: str, where: str) -> None:
    assert any(path.startswith(where) for path in errors(text))


def test_a_file_that_extends_another_may_leave_out_required_keys() -> None:
    assert errors("extends: small\nname: x\n") == []

"""All errors of a file at once, in the order of its lines, each with the remedy."""

from __future__ import annotations

import pytest
from machine_spec import GOOD, Level, Machine, Memory, Shape
from pydantic import Field, ValidationError

from accelsim.config.loader import parse_document, validate
from accelsim.config.quantity import Bytes, Seconds
from accelsim.config.schema import Spec
from accelsim.errors import ConfigError


def complaint(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        validate(parse_document(text, "foo.yaml"), Machine)
    return str(caught.value)


def with_line(line: str) -> str:
    """A file with the two required keys and then ``line``, which starts on line 3."""
    return f"name: small\nclock: 1 GHz\n{line}\n"


def test_a_good_file_becomes_a_frozen_description_in_si() -> None:
    loaded = validate(parse_document(GOOD, "foo.yaml"), Machine)
    memory = Memory(capacity_bytes=80 * 2**30, bandwidth_bytes_per_s=2e12)
    levels = (Level(name="board", topology=Shape.RING), Level(name="pod", topology=Shape.TORUS, num_links=4))
    assert loaded.spec == Machine(name="small", clock_hz=1.41e9, memories={"hbm": memory}, levels=levels, busy=0.9)
    assert loaded.provenance["clock"].kind == "datasheet"
    with pytest.raises(ValidationError, match="frozen"):
        loaded.spec.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "clok: 2 GHz",
            "foo.yaml:3: clok: unknown key 'clok'. Known: busy, clock, levels, memories, name, peaks, spare. ",
        ),
        ("clok: 2 GHz", "Did you mean 'clock'?"),
        ("clock_hz: 2 GHz", "foo.yaml:3: clock_hz: unknown key 'clock_hz'."),
        ("busy: 140%", "foo.yaml:3: busy: '140%' is above 1; expected a ratio from 0 to 1."),
        ("busy: true", "foo.yaml:3: busy: True is not a ratio. Write e.g. '85%'."),
        ("levels: 3", "foo.yaml:3: levels: expected a list, e.g. [1, 2], got '3'."),
        ("levels: [3]", "foo.yaml:3: levels.0: expected a section of keys and values, got '3'."),
        (
            "levels:\n  - name: a\n    topology: tours",
            "foo.yaml:5: levels.0.topology: 'tours' is not one of: ring, torus. ",
        ),
        ("levels:\n  - name: a\n    topology: tours", "Did you mean 'torus'?"),
        ("levels: [{name: 5, topology: ring}]", "levels.0.name: expected text, got '5'. Write it in quotes: '5'."),
        ("levels: [{name: a, topology: ring, num_links: 0}]", "levels.0.num_links: got '0'; must be greater than 0."),
        ("levels: [{name: a, topology: ring, num_links: -4}]", "got '-4'; must be greater than 0."),
        ("levels: [{name: a, topology: ring, num_links: true}]", "expected a whole number, got 'true'."),
        ("levels: [{name: a, topology: ring, num_links: 1.5}]", "expected a whole number, got '1.5'."),
        ("levels: [{name: a, topology: ring, num_links: '4'}]", "expected a whole number, got '4'."),
        ("levels: [{name: a, topology: ring, mode: ful}]", "'ful' is not one of: half, full. Did you mean 'full'?"),
        (
            "memories:\n  hbm: {capacity: 900}",
            "foo.yaml:4: memories.hbm.capacity: '900' has no unit. Write e.g. '900 GiB'.",
        ),
        ("memories:\n  hbm: {capacity: 900}", "foo.yaml:4: memories.hbm.bandwidth: missing. Peak rate, per direction."),
        ("memories:\n  hbm: {capacity: 5 us, bandwidth: 1 B/s}", "'5 us' is a time; expected a size such as '80 GiB'."),
        ("memories:\n  hbm: {capacity: -5 GB, bandwidth: 1 B/s}", "'-5 GB' is negative; expected a size of 0 or more."),
        ("memories:\n  hbm: {capacity: 0.5 B, bandwidth: 1 B/s}", "'0.5 B' is not a whole number of bytes."),
        ("memories:\n  hbm: {capacity: 1 B, bandwidth: 0 B/s}", "bandwidth: got '0 B/s'; must be greater than 0."),
        ("memories:\n  hbm: {capacity: , bandwidth: 1 B/s}", "capacity: None is not a size. Write e.g. '80 GiB'."),
        (
            "spare: {capacity: 1 GB, bandwith: 2 GB/s}",
            "spare.bandwith: unknown key 'bandwith'. Known: bandwidth, capacity,",
        ),
        ("peaks: {rng: 1 GB/s}", "foo.yaml:3: peaks.rng: 'rng' is not one of: ring, torus. Did you mean 'ring'?"),
        ("busy: {value: 50%, kind: guess}", "busy.kind: 'guess' is not one of: datasheet, measured, derived, assumed,"),
        ("busy: {value: 50%, source: 3}", "foo.yaml:3: busy.source: expected text."),
        ("busy: {value: 50%, sorce: x}", "busy: {'value': '50%', 'sorce': 'x'} is not a ratio."),
    ],
)
def test_each_mistake_says_where_what_and_how_to_fix(line: str, message: str) -> None:
    assert message in complaint(with_line(line))


def test_the_unit_message_of_the_manual() -> None:
    text = "name: x\nclock: 900\n"
    assert complaint(text) == "foo.yaml:2: clock: '900' has no unit. Write e.g. '900 GHz'."


def test_all_mistakes_are_reported_together_in_the_order_of_the_file() -> None:
    lines = complaint("nam: x\nclock: 5 us\nbusy: 2\nspare:\n  capacity: 1\n").splitlines()
    assert [line.split(" ")[1] for line in lines] == [
        "name:",
        "nam:",
        "clock:",
        "busy:",
        "spare.bandwidth:",
        "spare.capacity:",
    ]
    assert [line.split(":")[1] for line in lines] == ["1", "1", "2", "3", "4", "5"]


def test_a_mistake_in_an_override_points_at_the_override() -> None:
    document = parse_document(GOOD, "foo.yaml").apply_override("memories.hbm.capcity", "2 GB")
    with pytest.raises(ConfigError) as caught:
        validate(document, Machine)
    start = "--set memories.hbm.capcity=2 GB: memories.hbm.capcity: unknown key 'capcity'."
    assert str(caught.value) == f"{start} Known: bandwidth, capacity, latency. Did you mean 'capacity'?"


def test_a_section_can_be_checked_by_itself() -> None:
    document = parse_document(GOOD, "foo.yaml")
    assert validate(document, Level, at="levels.pod").spec.num_links == 4
    broken = document.apply_override("levels.pod.num_links", "many")
    with pytest.raises(ConfigError, match=r"levels\.pod\.num_links: expected a whole number, got 'many'\."):
        validate(broken, Level, at="levels.pod")
    with pytest.raises(ConfigError, match="expected keys and values"):
        validate(document, Level, at="name")


def test_python_takes_si_numbers_and_quantities_alike() -> None:
    by_number = Memory(capacity_bytes=2**30, bandwidth_bytes_per_s=1e9)
    assert by_number == Memory.model_validate({"capacity": "1 GiB", "bandwidth": "1 GB/s"})
    assert isinstance(by_number.capacity_bytes, int)


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_python_is_held_to_finite_values_of_at_least_zero(value: float) -> None:
    with pytest.raises(ConfigError):
        Memory(capacity_bytes=1, bandwidth_bytes_per_s=1.0, latency_s=value)


def test_zero_is_allowed_and_the_bound_of_a_field_narrows_it() -> None:
    assert Memory(capacity_bytes=0, bandwidth_bytes_per_s=1.0).capacity_bytes == 0
    with pytest.raises(ConfigError, match="greater than 0"):
        Memory(capacity_bytes=0, bandwidth_bytes_per_s=0.0)


def test_keys_drop_the_unit_suffix_of_the_field() -> None:
    class Sized(Spec):
        sram_per_core_bytes: Bytes
        hop_s: Seconds
        num_cores: int

    assert [info.alias for info in Sized.model_fields.values()] == ["sram_per_core", "hop", "num_cores"]


def test_two_fields_may_not_share_a_key() -> None:
    with pytest.raises(TypeError, match="fields 'wait_s' and 'wait_bytes' share the key 'wait'"):

        class Clash(Spec):
            wait_s: Seconds
            wait_bytes: Bytes


def test_a_suffix_on_a_plain_number_is_refused_unless_the_key_is_given() -> None:
    with pytest.raises(TypeError, match=r"'tile_m' is no quantity; give it Field\(alias='tile_m'\)"):

        class Surprise(Spec):
            tile_m: int

    class Fine(Spec):
        tile_m: int = Field(alias="tile_m")

    assert Fine(tile_m=3).tile_m == 3

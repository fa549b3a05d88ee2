import pytest

from accelsim.errors import ConfigError, PlacementError
from accelsim.mapping.placement.constraints import load_constraints, parse_constraints
from accelsim.network.noc import Rectangle

NAMES = ["embedding", "decoder0.attn", "decoder0.mlp", "decoder1.attn", "decoder1.mlp", "head"]
HEAD = "schema_version: 1\nkind: constraints\n"
TEXT = HEAD + (
    'sets: {front: [embedding, "decoder0.*"]}\n'
    "pin:\n  head: {corner: [0, 0], tiles: [20, 30]}\n  front: {chip: 1, corner: [4, 0], tiles: [40, 40]}\n"
    "forbid:\n  - {corner: [60, 0], tiles: [4, 64]}\n  - {chip: 1, corner: [0, 0], tiles: [4, 4]}\n"
    "together:\n  - [decoder1.attn, decoder1.mlp]\n"
)


def test_a_constraints_file_round_trips(tmp_path):
    constraints = parse_constraints(TEXT)
    path = tmp_path / "mine.yaml"
    path.write_text(constraints.to_yaml(), encoding="utf-8")
    assert load_constraints(path) == constraints


def test_names_sets_and_patterns_become_groups():
    found = parse_constraints(TEXT).resolve(NAMES)
    assert found.pinned == {5: (0, Rectangle(0, 0, 20, 30))}
    assert found.fenced == {(0, 1, 2): (1, Rectangle(4, 0, 40, 40))}
    assert found.together == ((3, 4),)
    assert found.chip_of == {5: 0, 0: 1, 1: 1, 2: 1}
    assert found.forbidden(0) == (Rectangle(60, 0, 4, 64),)
    assert found.forbidden(1) == (Rectangle(60, 0, 4, 64), Rectangle(0, 0, 4, 4))
    assert found.taken_tiles(1) == 1600


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("together: [[decoder1.atn, head]]", "no group 'decoder1.atn'.*Did you mean 'decoder1.attn'"),
        ("sets: {back: [tail]}\ntogether: [[back, head]]", "set back: no group 'tail'"),
        ("pin: {head: {corner: [0, 0], tiles: [9, 9]}}\ntogether: [[head, embedding]]", "head is in together and alr"),
    ],
)
def test_a_wrong_name_or_one_named_twice_is_refused(text, message):
    with pytest.raises(PlacementError, match=message):
        parse_constraints(HEAD + text).resolve(NAMES)


def test_an_unknown_key_and_an_empty_set_are_errors_with_their_line():
    with pytest.raises(ConfigError, match=r"constraints:3.*pins"):
        parse_constraints(HEAD + "pins: {}")
    with pytest.raises(ConfigError, match=r"sets\.a is empty"):
        parse_constraints(HEAD + "sets: {a: []}")


def test_a_set_over_two_chips_cannot_lie_together():
    found = parse_constraints(HEAD + "together: [[embedding, head]]").resolve(NAMES)
    with pytest.raises(PlacementError, match="embedding is on chip 0, head on another"):
        found.on(0, (0, 1, 2), (), NAMES)

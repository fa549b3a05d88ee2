"""Whatever bytes a file holds, the reader returns a tree or a ConfigError, and JSON data survives the way through."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from accelsim.config.loader import parse_document
from accelsim.config.reader import read_json, read_yaml
from accelsim.errors import ConfigError
from accelsim.reading import decode

LETTERS = st.characters(exclude_categories=("Cs",))
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(LETTERS)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(LETTERS), inner, max_size=4),
    max_leaves=20,
)
YAMLISH = st.text(st.sampled_from("ab1:-,[]{}&*!|>'\"%#?~ \n\t.0e\\"), max_size=60)


@given(st.dictionaries(st.text(LETTERS), VALUES, min_size=1, max_size=4))
def test_json_data_survives_the_json_reader(data: dict[str, object]) -> None:
    assert read_json(json.dumps(data), "x.json").plain() == data
    assert read_json(json.dumps(data, ensure_ascii=False, indent=1), "x.json").plain() == data


@given(YAMLISH | st.text(max_size=60))
def test_any_text_is_a_tree_or_a_config_error(text: str) -> None:
    for read in (read_yaml, read_json):
        try:
            read(text, "x")
        except ConfigError as err:
            assert str(err).startswith("x:")


@given(st.binary(max_size=60))
def test_any_bytes_are_text_or_a_config_error(content: bytes) -> None:
    try:
        decode(content, "x")
    except ConfigError as err:
        assert str(err).startswith("x:")


@given(st.lists(st.sampled_from("abcdef"), min_size=1, unique=True))
def test_lines_are_those_of_the_keys(keys: list[str]) -> None:
    document = parse_document("".join(f"{key}:\n  inner: 1\n" for key in keys))
    # each key takes two lines: its own and that of the key inside
    assert [document.line(key) for key in keys] == [2 * index + 1 for index in range(len(keys))]
    assert [document.line(f"{key}.inner") for key in keys] == [2 * index + 2 for index in range(len(keys))]

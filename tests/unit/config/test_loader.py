"""Files become trees with lines, and whatever is unsafe or malformed is refused with file and line."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import cast

import pytest

from accelsim.config.loader import load_document, parse_document, resolve_extends
from accelsim.errors import ConfigError


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_document(text, "foo.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6),  # text in YAML 1.1
        ("yes", "yes"),  # a truth value in YAML 1.1
        ("off", "off"),
        ("012", 12),  # ten in YAML 1.1
        ("0o12", 10),
        ("0x1F", 31),
        ("1:30", "1:30"),  # 90 in YAML 1.1
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("true", True),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ("5.", 5.0),
        ("+5", 5),
        (".inf", float("inf")),
        ("[1, 2 GB]", [1, "2 GB"]),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    assert parse_document(f"key: {text}").data == {"key": value}


def test_an_integer_of_ten_thousand_digits_is_text_not_a_crash() -> None:
    assert parse_document(f"a: {'9' * 10_000}").data == {"a": "9" * 10_000}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "foo.yaml: the file is empty."),
        ("# only a comment\n", "foo.yaml: the file is empty."),
        ("a: 1\nb: [1,\n", "malformed YAML"),
        ("a: 1\nb: c: d\n", "foo.yaml:2: malformed YAML: mapping values are not allowed in this context, column 5."),
        ("a:\n\t- 1\n", "foo.yaml:2: malformed YAML: a tab in the indentation. Use blanks."),
        ("a: 'x\0'", "foo.yaml:1: malformed YAML"),
        ("a: 1\nb: 2\na: 3\n", "foo.yaml:3: duplicate key 'a'; first given on line 1. Remove one of them."),
        ("- 1\n- 2\n", "foo.yaml:1: expected keys and values at the top of the file"),
        ("just text", "foo.yaml:1: expected keys and values at the top of the file"),
        ("a: 1\n---\nb: 2\n", "foo.yaml:2: a second document starts; one file holds one document."),
        ("a: !!python/object/apply:os.system ['true']", "foo.yaml:1: tags such as"),
        ("? {a: b}\n: c\n", "foo.yaml:1: a key must be text, not a list or mapping."),
        ("a: &x [1]\nb: *x\n", "foo.yaml:1: anchors (&) and aliases (*) are not allowed. Write the value out."),
    ],
)
def test_malformed_or_unsafe_yaml_is_refused_with_its_line(text: str, message: str) -> None:
    assert message in refusal(text)


def test_a_yaml_bomb_is_refused_at_its_first_anchor() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
    assert "foo.yaml:1: anchors" in refusal("\n".join(lines))


def nested(depth: int) -> str:
    """A mapping that holds ``depth - 1`` lists in each other."""
    return "a: " + "[" * (depth - 1) + "]" * (depth - 1)


def test_nesting_is_allowed_to_50_and_refused_at_51() -> None:
    parse_document(nested(50))
    assert "nested more than 50 deep" in refusal(nested(51))
    assert "nested more than 50 deep" in refusal("a: " + "[" * 200_000)


def json_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_json_keeps_lines_and_decodes_escapes(tmp_path: Path) -> None:
    document = load_document(json_file(tmp_path, '{\n "a": "\\ud83d\\ude00\\/",\n "b": {\n  "c": [1, null, 1e3]}\n}'))
    assert document.data == {"a": "\U0001f600/", "b": {"c": [1, None, 1000.0]}}
    assert (document.line("a"), document.line("b.c"), document.line("b.c.1")) == (2, 4, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,}', "config.json:1: malformed JSON: Expecting property name enclosed in double quotes (column 9)."),
        ('{"a": 1}\n{}', "config.json:2: malformed JSON: Extra data (column 1)."),
        ('{"a": 1,\n "b": ' + "1" * 401 + "}", "config.json:2: a number of 401 digits"),
        ('{"a": 1,\n "a": 2}', "config.json:2: duplicate key 'a'; first given on line 1"),
        ('{"a": ' * 51 + "1" + "}" * 51, "nested more than 50 deep"),
        ("[" * 200_000, "nested more than 50 deep"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        ("[1]", "expected keys and values at the top"),
        (" \n", "the file is empty"),
    ],
)
def test_malformed_json_is_refused_in_the_words_of_json(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_document(json_file(tmp_path, text))
    assert message in str(caught.value)


def test_json_may_hold_infinity_and_nan_as_python_writes_them(tmp_path: Path) -> None:
    found = load_document(json_file(tmp_path, '{"a": Infinity, "b": -Infinity, "c": NaN, "d": ' + "1" * 400 + "}")).data
    assert isinstance(found, dict)
    assert (found["a"], found["b"], found["d"]) == (math.inf, -math.inf, int("1" * 400))
    assert math.isnan(cast("float", found["c"]))


def test_a_file_of_8_mib_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    start = b"a: 1\n#"
    path.write_bytes(start + b"x" * (8 * 2**20 - len(start)))
    assert load_document(path).data == {"a": 1}
    with path.open("ab") as file:
        file.write(b"x")
    with pytest.raises(ConfigError, match=r"large\.yaml: 8\.0 MiB is too large; at most 8 MiB are read\."):
        load_document(path)


def test_a_sparse_file_of_100_gb_is_refused_without_reading(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.touch()
    os.truncate(path, 100 * 10**9)
    with pytest.raises(ConfigError, match="too large"):
        load_document(path)


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    (tmp_path / "alpha.yaml").write_text("a: 1")
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: caf\xe9\n")
    cases = {
        tmp_path: "is a folder; expected a YAML or JSON file.",
        tmp_path / "alhpa.yaml": "no such file. Did you mean 'alpha.yaml'?",
        tmp_path / "none" / "x.yaml": "does not exist.",
        tmp_path / "latin.yaml": "latin.yaml:2: not UTF-8 text (byte 0xe9). Save it as UTF-8.",
    }
    for path, message in cases.items():
        with pytest.raises(ConfigError) as caught:
            load_document(path)
        assert message in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_hang_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ConfigError, match="not a regular file"):
        load_document(tmp_path / "pipe.yaml")


def test_messages_show_paths_below_the_current_folder_as_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.yaml").write_text("a: [")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^sub/x\.yaml:\d: "):
        load_document(tmp_path / "sub" / "x.yaml")


def write_family(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)


def test_extends_merges_sections_and_replaces_values_with_their_sources(tmp_path: Path) -> None:
    write_family(
        tmp_path,
        base="clock: {value: 1 GHz, source: paper}\nsram: {size: 1 MiB, latency: 2 ns}\nlist: [1, 2]\n",
        child="extends: base\nclock: 2 GHz\nsram:\n  size: 3 MiB\nlist: [9]\n",
    )
    child = resolve_extends(load_document(tmp_path / "child.yaml"), lambda name, _: tmp_path / f"{name}.yaml")
    assert child.data == {"clock": "2 GHz", "sram": {"size": "3 MiB", "latency": "2 ns"}, "list": [9]}
    assert child.sources() == {}  # the paper spoke of the clock that was replaced
    assert child.where("sram.size").endswith("child.yaml:4")
    assert child.where("sram.latency").endswith("base.yaml:2")
    assert [path.name for path, _ in child.parents] == ["base.yaml"]


def test_null_takes_away_a_section_of_the_file_that_is_extended_and_only_a_section(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("levels:\n  inner: {size: 8}\n  outer: {size: 2}\nnote: text\n")
    (tmp_path / "child.yaml").write_text("extends: base\nlevels:\n  outer: null\n  other: {size: 3}\nnote: null\n")
    child = resolve_extends(load_document(tmp_path / "child.yaml"), lambda name, _: tmp_path / f"{name}.yaml")
    assert child.root.plain() == {"levels": {"inner": {"size": 8}, "other": {"size": 3}}, "note": None}


def test_extends_may_go_through_several_files_but_not_in_a_circle(tmp_path: Path) -> None:
    write_family(
        tmp_path, a="extends: b\nx: 1\n", b="extends: c\ny: 2\n", c="z: 3\n", d="extends: e\n", e="extends: d\n"
    )
    resolve = lambda name, _: tmp_path / f"{name}.yaml"  # noqa: E731
    assert resolve_extends(load_document(tmp_path / "a.yaml"), resolve).data == {"z": 3, "y": 2, "x": 1}
    with pytest.raises(ConfigError, match=r"e\.yaml:1: extends: files extend each other in a circle: .*d\.yaml -> .*"):
        resolve_extends(load_document(tmp_path / "d.yaml"), resolve)

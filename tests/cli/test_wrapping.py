"""Lines are as wide as the screen, 80 columns on a pipe; paths, commands and quoted words are never broken."""

import contextlib
import re

import pytest

from accelsim.cli.wrap import columns_of, wrapped


def test_a_line_ends_where_the_screen_ends():
    assert wrapped("aaa bbb ccc", 7) == "aaa bbb\nccc"
    assert wrapped("aaa bbb ccc", 6) == "aaa\nbbb\nccc"


def test_a_long_word_stays_whole():
    path = "/a/path/that/is/longer/than/the/screen.yaml:12"
    assert wrapped(f"error: {path}: wrong", 20) == f"error: {path}:\nwrong"


@pytest.mark.parametrize(
    "kept",
    [
        "accelsim show families",
        "accelsim run llama3-8b --on nvidia-h100-sxm --plan tp=8",
        "accelsim run ... --save FILE",
        '--set chip.sram_per_core="64 KiB"',
        "'tp=8, dp=2'",
        '"MODEL --on SYSTEM ..."',
        "attn.norm.out[1, 2048, 4096]",
        "my folder/config.json:12",
    ],
)
def test_commands_paths_and_quotations_stay_whole(kept):
    filler = "" if ":12" in kept else "so "
    for words in range(1, 30):
        text = f"{filler * words}{kept}: and so on and on"
        lines = wrapped(text, 60).split("\n")
        assert any(kept in line for line in lines)
        assert " ".join(lines) == text


def test_own_lines_stay_apart_and_where_one_goes_on_it_is_indented():
    assert wrapped("aa bb cc\ndd", 5, indent=2) == "aa bb\n  cc\ndd"
    assert wrapped("aa bb cc\ndd", 7, indent=4, first=4) == "aa\n    bb\n    cc\n    dd"


def test_a_pipe_is_80_columns_wide_unless_columns_says_otherwise(monkeypatch, tmp_path):
    with (tmp_path / "pipe").open("w") as pipe:
        monkeypatch.delenv("COLUMNS", raising=False)
        assert columns_of(pipe) == 80
        monkeypatch.setenv("COLUMNS", "120")
        assert columns_of(pipe) == 120


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "chip.calibration.gemm"),
        ("show", "graph"),
        ("show", "tasks"),
        ("show", "systems"),
        ("show", "placers"),
        ("show", "nvidia-h100-sxm"),
        ("run", "llama3-8b", "--on", "nvidia-h100-sxm", "--context", "100", "--dtype", "fp8", "-v"),
        ("run", "nope", "--on", "nvidia-h100-sxm"),
        ("run", "llama3-405b", "--on", "nvidia-h100-sxm", "--context", "100"),
        ("run", "llama3-8b", "--on", "nvidia-h100-sxm", "--plan", "foo=2"),
    ],
)
def test_what_is_shown_fits_80_columns(arguments, capsys, monkeypatch):
    from accelsim.cli.main import main

    monkeypatch.delenv("COLUMNS", raising=False)
    with contextlib.suppress(SystemExit):
        main(list(arguments))
    shown = capsys.readouterr()
    lines = [*shown.out.split("\n"), *shown.err.split("\n")]
    wide = [line for line in lines if len(line) > 80 and re.search(r"\S \S", line)]
    assert not wide

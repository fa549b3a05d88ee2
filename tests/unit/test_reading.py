"""Whatever a user names is read by one reader, which takes regular files of a reasonable size in UTF-8 only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from accelsim.errors import ConfigError
from accelsim.reading import read_bytes, read_text


def test_a_file_at_the_limit_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"x" * 2**20)
    assert len(read_bytes(path, "a table", 2**20)) == 2**20
    path.write_bytes(b"x" * (2**20 + 1))
    with pytest.raises(ConfigError, match=r"table\.csv: 1\.0 MiB is too large; at most 1 MiB are read"):
        read_bytes(path, "a table", 2**20)


def test_pipes_and_devices_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ConfigError, match="is not a regular file; expected a list of links"):
            read_bytes(path, "a list of links")


def test_a_file_whose_size_the_system_does_not_tell_is_cut_off_at_the_limit() -> None:
    with pytest.raises(ConfigError, match="too large"):
        read_bytes(Path("/proc/kallsyms"), "a table", 2**10)  # says that it has 0 bytes


@pytest.mark.parametrize(
    ("name", "words"), [("", "is a folder"), ("none.csv", "no such file"), ("a" * 300, "cannot be read")]
)
def test_what_cannot_be_read_is_said_with_what_is_expected(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_text(tmp_path / name)


def test_text_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "links.txt"
    path.write_bytes("0 1\n1 2 # caf\u00e9\n".encode())
    assert read_text(path).endswith("\u00e9\n")
    path.write_bytes("0 1\n1 2 # caf\u00e9\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"links\.txt:2: not UTF-8 text \(byte 0xe9\)"):
        read_text(path)

"""Files are written completely or not at all, and what killed runs left behind is cleared away."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from accelsim.errors import ConfigError
from accelsim.files import write_atomic, write_together


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_either_all_files_of_a_folder_change_or_none(tmp_path: Path) -> None:
    write_together(tmp_path, {"a": "1", "b": "1"})
    (tmp_path / "c").mkdir()
    with pytest.raises(ConfigError, match="c: is a folder"):
        write_together(tmp_path, {"a": "2", "c": "2"})
    assert [(tmp_path / name).read_text() for name in "ab"] == ["1", "1"]
    assert names(tmp_path) == ["a", "b", "c"]
    write_together(tmp_path, {"a": "2", "b": b"3"})
    assert [(tmp_path / name).read_text() for name in "ab"] == ["2", "3"]


def test_temporary_files_of_a_process_that_was_killed_are_cleared_and_those_of_a_living_one_stay(
    tmp_path: Path,
) -> None:
    code = (
        "import sys, time; from pathlib import Path; from accelsim.files import _written; "
        f"_written(Path({str(tmp_path / 'out.json')!r}), 'half'); print('written', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        (left,) = names(tmp_path)
        write_atomic(tmp_path / "other.json", "{}")
        assert names(tmp_path) == [left, "other.json"]
        writer.send_signal(signal.SIGKILL)
    write_atomic(tmp_path / "other.json", "{}")
    assert names(tmp_path) == ["other.json"]


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.15, 0.4, 1.0])
def test_an_interrupt_ends_the_command_with_a_word_and_130(delay_s: float) -> None:
    code = (
        "from accelsim.cli.main import main; print('started', flush=True); "
        "main('run llama3-8b --on nvidia-h100-sxm --steps 90000 --context 1'.split())"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.readline()
        time.sleep(0.01 + delay_s)  # among the imports, or among the steps
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (130, b"")
    assert err.endswith(b"error: interrupted; no file was changed half-way.\n")
    assert b"Traceback" not in err

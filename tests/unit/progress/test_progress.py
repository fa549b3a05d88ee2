"""A bar is drawn on a terminal's error stream only, and never when it should be quiet."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

CODE = "from accelsim.progress import track; print(list(track([1, 2], 'squaring', quiet={quiet})))"


def run(quiet: bool, is_terminal: bool) -> tuple[str, str]:
    """Standard output and error of a loop with a bar."""
    command = [sys.executable, "-c", CODE.format(quiet=quiet)]
    if not is_terminal:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout, done.stderr
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, text=True, check=True, env=environment)
    os.write(theirs, b".")
    error = os.read(ours, 65536).decode()
    os.close(theirs)
    os.close(ours)
    return done.stdout, error.removesuffix(".")


@pytest.mark.parametrize(
    ("quiet", "is_terminal", "is_shown"), [(False, True, True), (True, True, False), (False, False, False)]
)
def test_a_bar_is_shown_on_a_terminal_unless_quiet(quiet: bool, is_terminal: bool, is_shown: bool) -> None:
    output, error = run(quiet, is_terminal)
    assert output == "[1, 2]\n"  # never on standard output
    assert ("squaring" in error) == is_shown
    assert is_shown or error == ""

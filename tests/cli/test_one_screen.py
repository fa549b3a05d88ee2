"""What ``accelsim run`` prints: one screen of a laptop, plain when piped, without colour when asked."""

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios

import pytest

RUN = ("run", "llama3-70b", "--on", "nvidia-dgx-h100", "--plan", "tp=8")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(columns, **environment):
    """Output of the run on a terminal of so many columns."""
    primary, secondary = os.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    command = [sys.executable, "-m", "accelsim.cli.main", *RUN]
    known = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")}
    environment = known | {"TERM": "xterm-256color"} | environment
    process = subprocess.Popen(command, stdout=secondary, stderr=subprocess.DEVNULL, env=environment)
    os.close(secondary)
    chunks = []
    try:
        while chunk := os.read(primary, 65536):
            chunks.append(chunk)
    except OSError:  # how Linux says that the other side is closed
        pass
    assert process.wait(timeout=60) == 0
    return b"".join(chunks).decode()


@pytest.mark.parametrize(("columns", "lines"), [(80, 36), (100, 32)])
def test_a_run_fits_the_screen(columns, lines):
    shown = ESCAPE.sub("", on_a_terminal(columns)).replace("\r", "").rstrip("\n").split("\n")
    assert len(shown) <= lines
    assert max(len(line) for line in shown) <= columns
    text = "\n".join(shown)
    # the four questions of a first look: which operator, bytes by level, the busiest link, and why
    for answer in ("mlp.gate_up", "Traffic, all chips", "hbm ", "nvlink", "busiest link: ", "2x core clock gives"):
        assert answer in text


def test_no_color_is_honoured_and_a_pipe_gets_plain_text(process):
    colour = re.compile(r"\x1b\[(?:[0-9;]*;)?[349][0-7]m")
    assert not colour.search(on_a_terminal(100, NO_COLOR="1"))
    done = process(*RUN)
    assert done.code == 0
    assert "\x1b" not in done.out
    assert done.out.count("\n") <= 36
    assert max(map(len, done.out.splitlines())) <= 80
    assert process(*RUN, "--quiet").out == ""

import re
import subprocess
import sys
from dataclasses import dataclass

import pytest

from accelsim.cli.main import main


@dataclass
class Outcome:
    code: int
    out: str
    err: str


def unwrapped(err: str) -> str:
    """What was told, each line of it whole: where one goes on, it is indented by two."""
    return re.sub(r"\n  (?=\S)", " ", err)


@pytest.fixture
def accelsim(capsys):
    """The command in this process: fast, with the exit code and what it printed."""

    def call(*arguments: str) -> Outcome:
        try:
            main(list(arguments))
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, unwrapped(captured.err))

    return call


@pytest.fixture
def process():
    """The command as users run it: a process of its own."""

    def call(*arguments: str, **options) -> Outcome:
        command = [sys.executable, "-m", "accelsim.cli.main", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)
        return Outcome(done.returncode, done.stdout, unwrapped(done.stderr))

    return call

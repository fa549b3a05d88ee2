"""Inputs that went wrong for somebody, each the example of a kind, as users meet them: a process in their folder."""

from __future__ import annotations

import csv
import json
import re
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "data" / "inputs"
LIMIT_S = 20
LIMIT_BYTES = 4 * 2**30


def cases() -> list[dict[str, str]]:
    with (FOLDER / "commands.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def run(command: str) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    assert words[0] == "accelsim"
    return subprocess.run(
        [sys.executable, "-m", "accelsim.cli.main", *words[1:]],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=3 * LIMIT_S,  # a busy machine
        check=False,
        preexec_fn=limited,
    )


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_a_case_ends_as_it_should(case: dict[str, str]) -> None:
    done = [run(command) for command in case["command"].split(" ; ")]
    said = "".join(one.stdout + one.stderr for one in done)
    assert all(str(one.returncode) in case["codes"].split("|") for one in done), said[-2000:]
    assert "Traceback" not in said
    assert not re.search(r"\b\w+\.py:\d+: \w*Warning", said), said
    assert re.search(case["must"], said), said[-2000:]
    assert not (case["must_not"] and re.search(case["must_not"], said)), said[-2000:]
    if len(done) > 1:
        first, second = (json.loads(one.stdout) for one in done)
        told = [warning for warning in (*first["warnings"], *second["warnings"]) if "other kernel" in warning]
        assert first["latency_s"] <= second["latency_s"] or told

"""Whatever the input, the command answers in words and with an exit code; a traceback is a defect."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
RUN = ("run", "llama3-8b", "--on", "nvidia-h100-sxm")
GOOD = {
    "model": "m",
    "system": "s",
    "phase": {"kind": "decode"},
    "latency_s": 1.0,
    "time_by_cause_s": {"hbm": 1.0},
    "traffic_bytes": {"hbm": 10},
}
HOSTILE = (
    "",
    " ",
    "-",
    "nan",
    "-inf",
    "1e999",
    "9" * 5000,
    "\x00",
    "\ud800",
    "<script>",
    "../../etc/passwd",
    "[[[",
    "{}",
    "=",
    ",",
)
OPTIONS = (
    "--plan", "--set", "--phase", "--batch", "--context", "--dtype", "--execution", "--placer", "--engine", "--tables",
    "--price-per-chip-hour", "--grid-gco2-per-kwh",
)  # fmt: skip


def check(done):
    assert done.code in (0, 1, 2, 3), done.err
    assert "Traceback" not in done.err
    if done.code:
        assert done.err.strip()


@pytest.mark.parametrize("option", OPTIONS)
def test_hostile_values_of_options_are_refused_in_words(accelsim, option):
    for value in HOSTILE:
        check(accelsim(*RUN, option, value, "--quiet"))
        if option == "--set":
            check(accelsim(*RUN, option, f"chip.clock={value}", "--quiet"))


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_names_are_refused_in_words(accelsim, value):
    check(accelsim("run", value, "--on", "nvidia-h100-sxm"))
    check(accelsim("run", "llama3-8b", "--on", value))
    check(accelsim("show", value))
    check(accelsim("explain", value))
    check(accelsim("compare", "llama3-8b", "--on", value))
    check(accelsim("diff", value, value))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latency_s": "fast"}, "latency_s"),
        ({"latency_s": float("nan")}, "latency_s"),
        ({"latency_s": 0}, "latency_s"),
        ({"time_by_cause_s": []}, "time_by_cause_s"),
        ({"time_by_cause_s": {"hbm": None}}, "time_by_cause_s.hbm"),
        ({"traffic_bytes": {"hbm": "x"}}, "traffic_bytes.hbm"),
        ({"critical_path": [1]}, "critical_path.0"),
        ({"critical_path": [{"block": "b"}]}, "critical_path.0.operator"),
        ({"manifest": {"inputs": 3}}, "manifest.inputs"),
        ({"phase": "decode"}, "phase"),
        ({"energy_j": []}, "energy_j"),
    ],
)
def test_a_malformed_result_is_refused_by_diff_with_the_place(accelsim, tmp_path, change, message):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(GOOD))
    bad.write_text(json.dumps(GOOD | change))
    assert accelsim("diff", str(good), str(good)).code == 0
    for pair in ((good, bad), (bad, good)):
        done = accelsim("diff", *map(str, pair))
        assert done.code == 2
        assert f"bad.json: is not the JSON of one run: {message}: " in done.err


def test_a_number_of_5000_digits_in_a_config_is_refused_with_the_file(accelsim, tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"model_type": "llama", "hidden_size": ' + "9" * 5000 + "}")
    done = accelsim("run", str(path), "--on", "nvidia-h100-sxm")
    assert done.code == 2
    assert "config.json:1: a number of 5000 digits" in done.err


@pytest.mark.skipif(not FULL.exists(), reason="a device of Linux")
@pytest.mark.parametrize("arguments", [(*RUN, "--json", "-"), ("show", "models")], ids=["run", "show"])
def test_a_full_disk_behind_the_output_is_said(arguments):
    with FULL.open("w") as full:
        command = [sys.executable, "-m", "accelsim.cli.main", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: output: No space left on device. Is the disk full?\n"


@pytest.mark.parametrize("option", ["--json", "--trace", "--save"])
@pytest.mark.parametrize("name", ["\x00", "\ud800", "/proc/x"])
def test_files_that_cannot_be_written_are_refused_in_words(accelsim, option, name):
    done = accelsim(*RUN, option, name, "--quiet")
    assert done.code == 2
    assert "rror: " in done.err


def test_a_reader_that_leaves_is_no_error(tmp_path):
    command = f"{sys.executable} -m accelsim.cli.main show models | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0
    assert done.stderr == ""

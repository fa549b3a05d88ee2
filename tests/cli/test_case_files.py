"""Case files on the command line: every command takes them, flags are put over them."""

import json

import pytest

FROM = "nvidia-h100-sxm"


@pytest.fixture
def case(accelsim, tmp_path):
    path = tmp_path / "case.yaml"
    run = ("run", "llama3-8b", "--on", FROM, "--context", "300", "--batch", "2", "--set", "chip.clock=1.5 GHz")
    assert accelsim(*run, "--save-case", str(path), "--quiet").code == 0
    return str(path)


def manifest(accelsim, *arguments):
    done = accelsim(*arguments, "--json", "-")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_commands_take_the_machine_of_the_case(accelsim, case):
    assert f"on {FROM}:1" in accelsim("sensitivity", case, "--only", "chip.idle").out
    assert FROM in accelsim("compare", case).out
    assert FROM in accelsim("show", "tasks", case).out
    assert "needs an on-chip network" in accelsim("place", case).err


def test_flags_are_put_over_a_case(accelsim, case):
    found = manifest(accelsim, "run", case, "--batch", "4", "--set", "chip.idle=100 W")["manifest"]
    assert found["phase"] == {"kind": "decode", "batch": 4, "context": 300, "steps": 1}
    assert found["overrides"] == {"chip.clock": "1.5 GHz", "chip.idle": "100 W"}


def test_another_phase_keeps_what_it_shares_with_that_of_the_case(accelsim, case):
    prefill = {"kind": "prefill", "batch": 2}
    assert manifest(accelsim, "run", case, "--phase", "prefill")["manifest"]["phase"] == {**prefill, "prompt": 2048}
    assert manifest(accelsim, "run", case, "--prompt", "64")["manifest"]["phase"] == {**prefill, "prompt": 64}


def test_a_case_with_options_is_a_run_to_compare(accelsim, case):
    found = manifest(accelsim, "diff", case, f"{case} --batch 4")
    assert {"name": "phase.batch", "before": "2", "after": "4"} in found["inputs"]


def test_a_case_with_a_bad_value_names_the_line(accelsim, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("schema_version: 1\nkind: case\nmodel: llama3-8b\nsystem: nvidia-h100-sxm\n"
                    "phase: {kind: decode, batch: 1, context: 9}\nseed: -1\n")  # fmt: skip
    done = accelsim("run", str(path))
    assert done.code == 2
    assert f"{path.name}:6: seed" in done.err


def test_a_changed_input_of_a_saved_result_is_told(accelsim, tmp_path):
    chip = tmp_path / "mine.yaml"
    chip.write_text("extends: nvidia-h100-sxm\nname: mine\n")
    result = str(tmp_path / "r.json")
    assert accelsim("run", "llama3-8b", "--on", str(chip), "--context", "9", "--json", result, "--quiet").code == 0
    assert accelsim("run", result, "--quiet").err == ""
    chip.write_text("extends: nvidia-h100-sxm\nname: mine\nidle: 99 W\n")
    assert "note: mine.yaml has changed" in accelsim("run", result, "--quiet").err


@pytest.mark.parametrize("name", ["routing", "kv-dtype", "kv_dtype", "batch", "context", "on"])
def test_explain_knows_the_options(accelsim, name):
    done = accelsim("explain", name)
    assert done.code == 0
    assert "meaning" in done.out

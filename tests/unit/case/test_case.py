"""A case: one value that decides a run, with a file form and a key; what is stated once is known everywhere."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import accelsim
from accelsim import Case, Decode, Prefill, load_model, load_system, simulate
from accelsim.case.case import OPTIONS
from accelsim.case.read import read_dtype
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.profile import LaunchProfile
from accelsim.mapping.placement.constraints import parse_constraints
from accelsim.workload.phase import Mixed

H100, STEP = "nvidia-h100-sxm", Decode(batch=2, context=300)
PLAIN = Case("llama3-8b", "nvidia-h100-sxm", STEP)
CASES = [
    Case("llama3-8b", H100, STEP, profile=LaunchProfile(name="graph", dispatch_s=7e-6)),  # no file says this
    PLAIN,
    Case("llama3-8b", "nvidia-dgx-h100:8", Prefill(4, 128), "tp=4,dp=2", dtype="fp8", seed=3, strict=True),
    Case("mixtral-8x7b", "nvidia-dgx-h100", STEP, "tp=8", routing="1.5", attention="standard", profile="eager"),
    Case("llama3-8b", H100, Mixed("1+4096x31,512+2048"), overrides={"chip.clock": "1.5 GHz"}, ignore_capacity=True),
    Case(
        "gpt2-xl",
        "cerebras-cs2",
        STEP,
        "execution=spatial",
        constraints=parse_constraints(
            "schema_version: 1\nkind: constraints\nforbid: [{corner: [0, 0], tiles: [1, 9]}]"
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_is_its_plain_form_and_its_file(case: Case, tmp_path: Path) -> None:
    plain = json.loads(json.dumps(case.to_dict()))
    assert set(plain) == {one.name for one in OPTIONS}
    assert Case.from_dict(plain) == case
    case.save(tmp_path / "case.yaml")
    assert Case.from_file(tmp_path / "case.yaml") == case
    assert Case.from_file(tmp_path / "case.yaml").key() == case.key()


def test_a_file_states_what_differs_from_the_defaults_only(tmp_path: Path) -> None:
    PLAIN.save(tmp_path / "case.yaml")
    assert (tmp_path / "case.yaml").read_text() == (
        'schema_version: 1\nkind: case\nmodel: "llama3-8b"\nsystem: "nvidia-h100-sxm"\n'
        'phase: {"kind": "decode", "batch": 2, "context": 300, "steps": 1}\n'
    )


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inputs").mkdir()
    chip = tmp_path / "inputs" / "mine.yaml"
    chip.write_text("extends: nvidia-h100-sxm\nname: mine\n")
    case = Case("llama3-8b", str(chip), STEP)
    case.save(tmp_path / "case.yaml")
    assert 'system: "inputs/mine.yaml"' in (tmp_path / "case.yaml").read_text()
    monkeypatch.chdir("/")
    assert Case.from_file(tmp_path / "case.yaml").key() == case.key()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: case\n", "schema_version: expected 1"),
        ("schema_version: 1\nkind: model\n", "not a case"),
        ("schema_version: 1\nkind: case\nmodel: llama3-8b\n", "system and phase must be given"),
        (
            "schema_version: 1\nkind: case\nmodell: llama3-8b\n",
            r"case.yaml:3: unknown key 'modell'.*Did you mean 'model'",
        ),
        (
            "schema_version: 1\nkind: case\nmodel: a\nsystem: b\nphase: {kind: decode, batch: 1, context: 1}\n"
            "seed: -1\n",
            "seed must be a whole number of at least 0",
        ),
    ],
)
def test_a_file_that_is_no_case_is_refused_in_words(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        Case.from_file(tmp_path / "case.yaml")


def test_every_option_but_where_values_come_from_is_in_the_key() -> None:
    case = Case("mixtral-8x7b", "nvidia-dgx-h100", STEP, "tp=8")
    changes = {
        "model": "mistral-7b",
        "system": "nvidia-dgx-h200",
        "phase": Decode(2, 301),
        "plan": "tp=4",
        "dtype": "fp8",
        "attention": "standard",
        "profile": "eager",
        "routing": "balanced",
        "engine": "simpy",
        "seed": 1,
        "overrides": {"chip.clock": "1.5 GHz"},
        "ignore_capacity": True,
    }
    keys = {name: case.but(**{name: value}).key() for name, value in changes.items()}
    assert len({case.key(), *keys.values()}) == len(changes) + 1


def test_equal_content_has_one_key_wherever_it_lies(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.yaml").write_text("extends: nvidia-h100-sxm\nname: mine\nidle: 101 W\n")
    first, second = (Case("llama3-8b", str(tmp_path / folder / "mine.yaml"), STEP) for folder in ("a", "b"))
    assert first.key() == second.key()
    assert first.key() == first.on(load_system(str(tmp_path / "a" / "mine.yaml"))).key()
    (tmp_path / "b" / "mine.yaml").write_text("extends: nvidia-h100-sxm\nname: mine\nidle: 102 W\n")
    assert first.key() != second.key()


def test_the_key_is_the_same_in_another_process() -> None:
    code = (
        "from accelsim import Case, Decode; "
        "print(Case('mixtral-8x7b', 'nvidia-dgx-h100', Decode(2, 300), 'tp=8', routing='1.5').key())"
    )
    mine = Case("mixtral-8x7b", "nvidia-dgx-h100", STEP, "tp=8", routing="1.5").key()
    for seed in ("0", "1"):
        shown = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        )
        assert shown.stdout.strip() == mine


def test_two_runs_that_differ_have_manifests_that_differ() -> None:
    case = Case("mixtral-8x7b", "nvidia-dgx-h100", Prefill(1, 64), "tp=8,ep=8")
    first, second, third = (
        simulate(one, what_ifs=False) for one in (case, case.but(routing="3"), case.but(attention="standard"))
    )
    assert len({first.latency_s, second.latency_s, third.latency_s}) == 3
    assert len({json.dumps(one.manifest) for one in (first, second, third)}) == 3


def test_a_saved_result_holds_the_case_that_repeats_it(tmp_path: Path) -> None:
    case = Case("llama3-8b", H100, STEP, overrides={"chip.clock": "1.5 GHz"}, attention="standard")
    result = simulate(case, what_ifs=False)
    result.save(tmp_path / "run")
    again = accelsim.load_result(tmp_path / "run").case
    assert again == case == result.case
    assert simulate(again, what_ifs=False).latency_s == result.latency_s


def test_a_machine_made_in_python_runs_and_has_a_key_but_no_file(tmp_path: Path) -> None:
    system = load_system(H100, [("chip.clock", "1.5 GHz")])
    case = Case(load_model("llama3-8b"), system, STEP)
    assert case.key() == Case("llama3-8b", H100, STEP, overrides={"chip.clock": "1.5 GHz"}).key()
    with pytest.raises(ConfigError, match=r"made in Python.*Write it with accelsim.save_system"):
        case.save(tmp_path / "case.yaml")
    assert not list(tmp_path.iterdir())
    simulate(case, what_ifs=False).save(tmp_path / "run")
    with pytest.raises(ConfigError, match="made in Python"):
        _ = accelsim.load_result(tmp_path / "run").case


def test_a_replica_has_its_share_of_the_sequences() -> None:
    case = Case("llama3-8b", "nvidia-dgx-h100", Decode(8, 64), "tp=4,dp=2")
    assert case.replica() == case.but(phase=Decode(4, 64), plan="tp=4")
    assert case.but(plan="auto").replica() == case.but(plan="auto")


def test_changes_of_unknown_options_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"unknown option 'routin'.*Did you mean 'routing'"):
        PLAIN.but(routin="balanced")
    with pytest.raises(ConfigError, match=r"unknown option 'd_type'"):
        simulate("llama3-8b", H100, STEP, d_type="fp8")
    with pytest.raises(ConfigError, match="system and phase must be given"):
        simulate("llama3-8b")


def test_options_given_beside_a_case_are_put_over_it() -> None:
    result = simulate(PLAIN, what_ifs=False, attention="standard")
    assert result.case == PLAIN.but(attention="standard")


def test_files_that_a_plan_names_count_by_what_is_in_them(tmp_path: Path) -> None:
    seats = tmp_path / "seats.yaml"
    case = Case("llama3-8b", "google-tpu-v4-pod:16", STEP, "tp=4,ranks=annealing")
    seats.write_text("kind: ranks\n")
    one = case.but(plan=f"tp=4,ranks={seats}").key()
    seats.write_text("kind: ranks \n")
    assert case.but(plan=f"tp=4,ranks={seats}").key() != one
    assert case.but(plan=f"tp=4,ranks={seats}").load().inputs["seats.yaml"]


def test_collectives_run_with_the_library_that_is_asked_for() -> None:
    case = Case("llama3-8b", "nvidia-dgx-h100", Decode(1, 64), "tp=8")
    own, vllm = (simulate(one, what_ifs=False) for one in (case, case.but(library="vllm")))
    assert own.latency_s != vllm.latency_s
    assert (own.manifest["library"], vllm.manifest["library"]) == ("", "vllm")
    with pytest.raises(ConfigError, match=r"library: nvidia-dgx-h100 has none called 'nccl2'. Known: .*vllm"):
        simulate(case, library="nccl2")


@pytest.mark.parametrize("value", [5, "a=b", [[]], [[1, 2], ["a", "b", "c"]], [{"a": "b"}], None])
def test_overrides_that_are_no_keys_and_values_are_refused_in_words(value: object) -> None:
    with pytest.raises(ConfigError, match="overrides: "):
        PLAIN.but(overrides=value)


def test_a_plan_s_files_are_written_relative_and_count_by_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text("kind: ranks\n")
    monkeypatch.chdir(tmp_path)
    case = Case("llama3-8b", "google-tpu-v4-pod:16", STEP, "tp=4,ranks=one.yaml")
    case.save(tmp_path / "sub" / "case.yaml")
    assert "ranks=../one.yaml" in (tmp_path / "sub" / "case.yaml").read_text()
    monkeypatch.chdir("/")
    again = Case.from_file(tmp_path / "sub" / "case.yaml")
    assert again.key() == again.but(plan=f"tp=4,ranks={tmp_path / 'two.yaml'}").key()


def test_a_file_of_a_case_stands_for_it(tmp_path: Path) -> None:
    PLAIN.save(tmp_path / "case.yaml")
    assert simulate(str(tmp_path / "case.yaml"), what_ifs=False, seed=2).case == PLAIN.but(seed=2)


@pytest.mark.parametrize("name", ["int32", "tf32", "int3"])
def test_a_cache_and_partial_sums_are_kept_in_types_that_numbers_are_stored_in(name: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot be kept in '{name}'. Use one of: fp32, bf16, fp16, fp8"):
        read_dtype(name)
    assert read_dtype("fp8") is DType.FP8

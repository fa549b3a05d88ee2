"""What is named as a change that fits does fit, and nothing smaller of its kind does."""

import re
import shlex
from dataclasses import replace

import pytest

from accelsim import CapacityError, Case, Decode, Prefill, simulate
from accelsim.mapping.auto import choose_plan

CASES = {
    "lone chip": Case("llama3-70b", "nvidia-h100-sxm", Decode(8, 4096)),
    "auto": Case("deepseek-v3", "nvidia-dgx-h100", Decode(128, 4096)),
    "plan": Case("llama2-7b", "nvidia-dgx-a100:8", Decode(1024, 4000), "tp=8"),
    "long decode": Case("llama2-7b", "nvidia-dgx-a100:1", Decode(8, 16, 20_000)),
    "wafer": Case("llama3-8b", "cerebras-cs2", Prefill(64, 16384)),
    "stages": Case("llama3-70b", "nvidia-dgx-a100:2", Prefill(2, 32768), "pp=2,microbatches=2"),
    "streamed": Case("llama3-70b", "cerebras-cs2", Decode(64, 8000), "execution=weight_streaming"),
    "scores": Case("llama3-8b", "nvidia-h100-sxm", Prefill(2, 32768), attention="standard"),
}
FLAGS = {"--on": "system", "--plan": "plan", "--dtype": "dtype", "--kv-dtype": "kv_dtype"}


def advice(case: Case) -> list[str]:
    """The changes that the error names."""
    with pytest.raises(CapacityError) as error:
        simulate(case, what_ifs=False)
    named = re.search(r"Each of these alone fits: (.*)\.$", str(error.value))
    assert named, str(error.value)
    return [flags for change in named[1].split("; ") for flags in change.split(" or ")]


def changed(case: Case, flags: str) -> Case:
    """The case with flags given in place of its own."""
    words = shlex.split(flags)
    pairs = dict(zip(words[::2], words[1::2], strict=True))
    sizes = {flag.removeprefix("--"): int(value) for flag, value in pairs.items() if flag not in FLAGS}
    options = {FLAGS[flag]: value for flag, value in pairs.items() if flag in FLAGS}
    return case.but(phase=replace(case.phase, **sizes), **options)


@pytest.mark.parametrize("name", CASES)
def test_every_change_that_is_named_runs(name: str) -> None:
    for flags in advice(CASES[name]):
        simulate(changed(CASES[name], flags), what_ifs=False)


@pytest.mark.parametrize(
    ("name", "flag", "least"),
    [("plan", "--batch", 1), ("plan", "--context", 1), ("long decode", "--batch", 1), ("streamed", "--batch", 1)],
)
def test_one_more_than_the_size_that_is_named_does_not_fit(name: str, flag: str, least: int) -> None:
    (size,) = (int(flags.split()[1]) for flags in advice(CASES[name]) if flags.startswith(f"{flag} "))
    with pytest.raises(CapacityError):
        simulate(changed(CASES[name], f"{flag} {size + least}"), what_ifs=False)


def test_an_automatic_plan_is_searched_anew_for_every_number_of_chips() -> None:
    # 671 GB of fp8 weights over 16 chips of 85.9 GB; over the 8 of one node nothing fits
    assert "--on nvidia-dgx-h100:16" in advice(CASES["auto"])
    assert simulate(CASES["auto"].but(system="nvidia-dgx-h100:16"), what_ifs=False).num_chips == 16


def test_the_number_of_chips_is_the_smallest() -> None:
    # 141.1 GB of weights and 10.7 GB of cache: two chips of 85.9 GB, in every system that has the chip
    *systems, dtype = advice(CASES["lone chip"])
    assert "--on nvidia-dgx-h100:2" in systems
    assert all(flag.startswith("--on ") and flag.endswith(":2") for flag in systems)
    assert dtype == "--dtype fp8"


def test_a_long_decode_is_given_a_plan_that_holds_its_last_step() -> None:
    # 100,015 x 2 x 32 x 4096 x 2 bytes = 52.4 GB a sequence beside 13.5 GB of weights: tp=1 with two of them does not
    # fit a chip of 85.9 GB though its first step does
    job = Case("llama2-7b", "nvidia-dgx-a100:2", Decode(2, 16, 100_000)).load().job
    chosen = choose_plan(job, "auto", lambda trial: trial.plan.tp)
    assert str(chosen) == "dp=2"
    four = replace(job, phase=Decode(4, 16, 100_000))
    with pytest.raises(CapacityError, match=r"plan tp=2: needs 111\."):
        choose_plan(four, "auto", lambda trial: trial.plan.tp)

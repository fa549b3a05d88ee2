"""``accelsim compare``: what does not fit is a row, several plans and sizes, the largest batch; options once."""

import json

import pytest

GPU, POD = "nvidia-a100-sxm-80gb", "nvidia-dgx-a100"


def test_a_machine_that_does_not_fit_is_a_row_with_the_reason(accelsim):
    done = accelsim("compare", "llama3-70b", "--on", f"{GPU},{POD}", "--plan", "auto", "--prompt", "64")
    assert done.code == 0
    assert f"{GPU} auto does not fit" in " ".join(done.out.split())
    assert "55.2" in done.out  # GB short: 141.1 GB of weights and 0.03 of the rest in 80 GiB
    assert max(map(len, done.out.splitlines())) <= 80


def test_the_exit_code_says_that_none_fits(accelsim):
    done = accelsim("compare", "llama3-70b", "--on", f"{GPU},nvidia-h100-sxm", "--prompt", "64", "--json", "-")
    assert done.code == 3
    assert [row["refused"].startswith("llama3-70b on ") for row in json.loads(done.out)] == [True, True]
    assert accelsim("compare", "llama3-8b", "--on", f"{GPU},nvidia-h100-sxm", "--plan", "tp=2").code == 2


def test_a_name_that_is_wrong_is_no_row(accelsim):
    done = accelsim("compare", "gpt2-xl", "--on", f"{GPU},nowhere")
    assert (done.code, done.out) == (2, "")
    assert "unknown system or chip 'nowhere'" in done.err


def test_plans_and_sizes_multiply(accelsim):
    sizes = ("--batch", "1,8", "--context", "4k,4Ki")
    done = accelsim("compare", "llama3-8b", "--on", POD, "--plan", "tp=8", "--plan", "tp=4", *sizes, "--json", "-")
    assert done.code == 0
    runs = [(run["phase"]["batch"], run["phase"]["context"], run["plan"]["tp"]) for run in json.loads(done.out)]
    assert runs == [(b, c, tp) for b in (1, 8) for c in (4000, 4096) for tp in (8, 4)]


def test_the_largest_batch_fits_and_one_more_does_not(accelsim):
    case = ("run", "llama3-8b", "--on", GPU, "--plan", "tp=1", "--context", "4Ki", "--json", "-")
    batch = json.loads(accelsim(*case, "--batch", "max").out)["phase"]["batch"]
    # weights 16.06 GB; of a sequence 4097 positions of 32 layers x 2 x 8 heads x 128 x 2 B, and activations
    assert batch == pytest.approx((85.9e9 - 16.06e9) / (4097 * 32 * 2 * 8 * 128 * 2), rel=0.02)
    assert accelsim(*case, "--batch", str(batch)).code == 0
    assert accelsim(*case, "--batch", str(batch + 1)).code == 3


def test_the_largest_batch_is_one_of_whole_replicas(accelsim):
    done = accelsim(
        "run", "llama3-8b", "--on", POD, "--plan", "tp=2,dp=4", "--context", "4Ki", "--batch", "max", "--json", "-"
    )
    assert json.loads(done.out)["phase"]["batch"] % 4 == 0


def test_spans_have_no_batch_to_be_largest(accelsim):
    done = accelsim("run", "llama3-8b", "--on", GPU, "--spans", "1+4k", "--batch", "max")
    assert done.code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "gpt2-xl", "--on", GPU, "--plan", "tp=1", "--plan", "tp=2"), "--plan is given 2 times"),
        (("run", "gpt2-xl", "--on", GPU, "--batch", "1", "--batch", "2"), "--batch is given 2 times"),
        (("compare", "gpt2-xl", "--on", GPU, "--on", POD), "--on is given 2 times"),
        (("collective", "all_reduce", "--on", POD, "--on", GPU), "--on is given 2 times"),
    ],
)
def test_an_option_with_one_value_is_given_once(accelsim, arguments, message):
    done = accelsim(*arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--json", "nowhere/x.json"), "nowhere/x.json: cannot write"),
        (("--trace", "."), "is a folder"),
        (("--report", "nowhere/x.html"), "nowhere/x.html: cannot write"),
        (("--save", "pyproject.toml/out"), "is no folder"),
        (("--json", "/dev/null"), "is a device or pipe"),
    ],
)
def test_outputs_are_looked_at_before_any_work(accelsim, arguments, message, monkeypatch):
    monkeypatch.setattr("accelsim.pipeline.simulate", None)  # not reached
    done = accelsim("run", "gpt2-xl", "--on", GPU, *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_a_report_without_its_extra_is_refused_before_the_run(accelsim, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    monkeypatch.setattr("accelsim.pipeline.simulate", None)
    done = accelsim("run", "gpt2-xl", "--on", GPU, "--report", str(tmp_path / "r.html"))
    assert done.code == 2
    assert "pip install 'accelsim[report]'" in done.err


def test_a_largest_batch_that_is_none_comes_with_advice(accelsim):
    done = accelsim("run", "llama3-70b", "--on", "nvidia-h100-sxm", "--phase", "decode", "--batch", "max")
    assert done.code == 3
    said = " ".join(done.err.split())
    assert "Each of these alone fits: --on " in said and "--on nvidia-dgx-h100:2" in said

"""``accelsim diff`` on folders, files and runs in quotes."""

import json
import re

import pytest

RUN = "llama3-8b --on nvidia-a100-sxm-80gb --context 512"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    from accelsim import Decode, simulate

    root = tmp_path_factory.mktemp("runs")
    for name, overrides in (("old", ()), ("new", (("chip.memories.hbm.bandwidth", "1019.5 GB/s"),))):
        result = simulate("llama3-8b", "nvidia-a100-sxm-80gb", Decode(1, 512), overrides=overrides, what_ifs=False)
        result.save(root / name)
    return root


def test_the_parts_of_a_difference_sum_to_it_and_name_what_was_changed(accelsim, folders):
    done = accelsim("diff", str(folders / "old"), str(folders / "new"), "--json", "-")
    assert done.code == 0
    found = json.loads(done.out)
    latency = found["figures"][0]
    assert latency["name"] == "latency_s"
    assert latency["delta"] > 0  # half the bandwidth of a memory-bound run
    for part in ("causes_s", "operators_s", "parts_s"):
        assert sum(row["delta"] for row in found[part]) == pytest.approx(latency["delta"], rel=1e-6)
    assert max(found["causes_s"], key=lambda row: row["delta"])["name"] == "hbm"
    assert found["inputs"] == [{"name": "set.chip.memories.hbm.bandwidth", "before": "-", "after": "1019.5 GB/s"}]


def test_a_run_does_not_differ_from_itself(accelsim, folders):
    done = accelsim("diff", str(folders / "old"), str(folders / "old"), "--fail-above", "0%")
    assert done.code == 0
    assert done.out.startswith("The two runs are equal: ")


def test_fail_above_is_an_exit_code_for_ci_on_both_sides_of_the_limit(accelsim, folders):
    pair = str(folders / "old"), str(folders / "new")
    found = json.loads(accelsim("diff", *pair, "--json", "-").out)
    slower = found["figures"][0]["delta"] / found["figures"][0]["before"]
    assert accelsim("diff", *pair, "--fail-above", f"{slower * 1.01:.6f}").code == 0
    failed = accelsim("diff", *pair, "--fail-above", f"{slower * 0.99:.6f}")
    assert failed.code == 1
    assert "slower, more than" in failed.err
    assert accelsim("diff", *reversed(pair), "--fail-above", "2%").code == 0  # faster is no failure


def test_runs_in_quotes_are_simulated_with_all_their_options(accelsim, folders):
    faster = f'{RUN} --set chip.memories.hbm.bandwidth="4 TB/s"'
    done = accelsim("diff", str(folders / "old"), faster)
    assert done.code == 0, done.err
    assert re.match(r"The second run is [0-9.]+ % faster; of the difference: [0-9]+ % mlp\.gate_up \(hbm\)", done.out)
    assert "set.chip.memories.hbm.bandwidth" in done.out


def test_machines_with_other_operators_are_aligned_and_what_is_new_is_named(accelsim):
    done = accelsim("diff", RUN, "llama3-8b --on nvidia-dgx-a100:2 --plan tp=2 --context 512", "--json", "-")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    new = {row["operator"] for row in found["parts_s"] if row["before"] == 0 and row["after"] > 0}
    assert "attn.out.all_reduce" in new
    assert sum(row["delta"] for row in found["parts_s"]) == pytest.approx(found["figures"][0]["delta"], rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere", "nowhere"), "'nowhere' is neither a saved result"),
        ((f"{RUN} --bach 2", RUN), "No such option: --bach"),
        ((f"{RUN} --batch two", RUN), "--batch: 'two' does not start with a number"),
        (("lama3-8b --on nvidia-a100-sxm-80gb", RUN), "Did you mean 'llama3-8b'?"),
        ((RUN, RUN, "--fail-above", "2 GB"), "--fail-above: "),
        ((RUN, RUN, "--fail-above", "-2%"), "--fail-above: '-2%' is negative"),
    ],
)
def test_bad_input_is_refused_in_words(accelsim, arguments, message):
    done = accelsim("diff", *arguments)
    assert done.code == 2, done
    assert message in done.err
    assert "Traceback" not in done.err

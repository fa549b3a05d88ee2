"""Published rates beside ours: the pages are what the command gives, and the promises about them hold.

``python tests/validation/test_rates.py`` prints every row.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.markdown import detail_markers, detail_table
from accelsim.validation.rates.compare import UNEXPLAINED, compare_rates
from accelsim.validation.rates.index import rate_index
from accelsim.validation.rates.rate import ASSUMED, DOUBTFUL, STATED, Needs, Rate
from accelsim.validation.rates.read import LeftOut, read_row
from accelsim.validation.rates.tables import of_boards
from accelsim.validation.suites import run_suite

PAGE = Path(__file__).parent.parent.parent / "docs" / "rates.md"
SUITES = ("accelerator_rates", "inference_tenstorrent")
ROW = {
    "vendor": "Intel",
    "system": "Gaudi 3 (HLS-Gaudi3 HL-325L)",
    "chips": "2",
    "model": "LLaMA 2 70B",
    "weight_type": "fp8",
    "batch_or_users": "240",
    "input_tokens": "2048",
    "output_tokens": "2048",
    "metric": "output tokens/s total",
    "value": "2641",
    "speculative_decoding": "not stated (no assumed)",
    "kind": "vendor measurement",
    "doubt": "",
    "note": "",
}


@cache
def comparison(suite: str) -> MeasuredComparison:
    return run_suite(suite)


def read(**cells: str) -> Rate | LeftOut:
    return read_row(0, {**ROW, **cells}, rate_index())


def factors(suite: str, facts: str) -> np.ndarray:
    """Ours over published of the rows with these facts, the larger over the smaller."""
    rows = [row for row in comparison(suite).details if row["facts"].startswith(facts)]
    ratios = np.array([float(row["ours / published"]) for row in rows])
    return np.maximum(ratios, 1 / ratios)


def without_limits(table: str) -> list[list[str]]:
    """Cells of a table but those that say what limits, whose wording follows that of results."""
    lines = [line.split(" | ") for line in table.strip().splitlines()]
    limit = lines[0].index("limit")
    return [cells[:limit] + cells[limit + 1 :] for cells in lines]


@pytest.mark.parametrize("suite", SUITES)
def test_the_page_holds_what_the_command_gives(suite: str) -> None:
    begin, end = detail_markers(suite)
    block = PAGE.read_text(encoding="utf-8").partition(begin)[2].partition(end)[0]
    assert block.strip() == detail_table(comparison(suite)).strip(), (
        "accelsim validate " + suite + " --update docs/rates.md"
    )


def test_fully_stated_rates_lie_within_a_factor_of_one_and_a_half_in_the_median() -> None:
    found = factors("accelerator_rates", STATED)
    assert len(found) > 50
    assert np.median(found) < 1.5


def test_one_factor_of_software_leaves_each_board_out_within_a_third() -> None:
    one = comparison("inference_tenstorrent")
    errors = np.abs(one.predicted_s / one.measured_s - 1)
    decodes = [row for row, (_, metric, _) in enumerate(one.labels) if metric == "tpot"]
    assert np.nanmean(errors[decodes]) < 0.35
    assert np.nanmean(errors) < 0.35


@pytest.mark.parametrize("suite", SUITES)
def test_no_row_lies_outside_its_band_without_a_reason(suite: str) -> None:
    silent = [row for row in comparison(suite).details if row["outside because"] == UNEXPLAINED]
    assert silent == []


@pytest.mark.parametrize("suite", SUITES)
def test_what_is_left_out_says_why_and_nothing_is_dropped(suite: str) -> None:
    one = comparison(suite)
    assert sum(note.points for note in one.notes if note.unpriced) == one.num_unpriced
    assert len(one.details) + one.num_unpriced == len(one.labels)


def test_a_rate_of_a_batch_is_that_of_its_prefill_and_its_steps_at_the_mean_context() -> None:
    rate = read()
    assert isinstance(rate, Rate)
    assert (rate.system, rate.model, rate.types, rate.plan) == ("intel-gaudi3-node:2", "llama2-70b", "fp8", "tp=2")
    assert (rate.context, rate.needs) == (2048 + 1024, Needs.BOTH)
    # 240 x 2048 tokens in 10 s of prefill and 2048 steps of 0.1 s
    assert rate.value_of(10.0, 0.1) == pytest.approx(240 * 2048 / (10.0 + 204.8))
    assert rate.confidence == STATED


def test_a_first_token_is_a_time_and_a_rate_of_a_user_is_one_step() -> None:
    first, user = read(metric="TTFT ms", value="50"), read(metric="output tokens/s/user", value="50")
    assert isinstance(first, Rate)
    assert isinstance(user, Rate)
    assert first.value_of(0.05, 0.0) == pytest.approx(50)
    assert user.value_of(0.0, 0.02) == pytest.approx(50)
    assert (first.seconds_of(50), user.seconds_of(50)) == (0.05, 0.02)
    assert (first.needs, user.needs) == (Needs.PREFILL_OF_ONE, Needs.STEP)


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"speculative_decoding": "unknown"}, "speculation"),
        ({"model": "Mamba 2.8B"}, "state-space"),
        ({"model": "Llama 3.2 11B Vision"}, "images"),
        ({"batch_or_users": "server"}, "scheduler"),
        ({"metric": "TPOT ms p99"}, "percentile"),
        ({"system": "Grayskull"}, "machine"),
        ({"model": "GLM 4.7"}, "model"),
        ({"batch_or_users": "48-64"}, "batch"),
        ({"input_tokens": ""}, "lengths"),
        ({"metric": "joules"}, "metric"),
    ],
)
def test_a_row_that_lacks_a_fact_or_names_what_is_not_modelled_is_left_out(cells: dict[str, str], why: str) -> None:
    found = read(**cells)
    assert isinstance(found, LeftOut)
    assert why in found.why


def test_what_a_rule_fills_in_is_said() -> None:
    single = {
        "vendor": "Cerebras",
        "system": "CS-3",
        "model": "Llama 3.1 70B",
        "weight_type": "16-bit",
        "chips": "unknown",
    }
    rate = read(**single, batch_or_users="1 stream", input_tokens="", output_tokens="", metric="output tokens/s/user")
    assert isinstance(rate, Rate)
    # 141 GB of weights in nine tenths of 43.4 GB wafers: four
    assert rate.system == "cerebras-cs3-cluster:4"
    assert rate.confidence == ASSUMED
    assert rate.filled == ("context 1024", "4 chips")
    doubtful = read(doubt="doubtful")
    assert isinstance(doubtful, Rate)
    assert doubtful.confidence == DOUBTFUL


@pytest.mark.parametrize(
    ("note", "plan"), [("DP8; a note", "dp=8"), ("TP8", "tp=8"), ("", "tp=8"), ("TP4", "tp=4,dp=2")]
)
def test_the_degree_in_a_note_is_the_plan(note: str, plan: str) -> None:
    rate = read(chips="8", note=note)
    assert isinstance(rate, Rate)
    assert rate.plan == plan


def test_a_row_of_a_board_is_two_rates() -> None:
    cells = ("Mistral-7B", "TP1", "32", "n150 (1 Wormhole)", "128", "99", "28.7")
    names = ("model", "parallel", "batch", "hardware", "isl", "ttft_ms", "tokens_per_s_per_user")
    rows = of_boards([dict(zip(names, cells, strict=True))], "boards.csv")
    assert [(row["metric"], row["value"]) for row in rows] == [("output tokens/s/user", "28.7"), ("TTFT ms", "99")]
    assert len(compare_rates("boards", rows).details) == 2


def main() -> None:
    for suite in SUITES:
        print(detail_table(comparison(suite)))


if __name__ == "__main__":
    main()

"""Sequences that differ on many small cores: every one is computed once."""

from accelsim.cost.base import COST_MODELS, Region
from accelsim.hardware.system import load_chip
from accelsim.workload.operators.ragged_attention import RaggedAttention
from accelsim.workload.traversal import Span


def cost(*spans: Span):
    chip = load_chip("tenstorrent-n150")
    operator = RaggedAttention.of(spans, heads=32, kv_heads=8, head_dim=128)
    return COST_MODELS.get(chip.cost_model)().cost(operator, chip, Region(*chip.core_grid))


def test_sequences_of_two_lengths_read_their_keys_once() -> None:
    short, long = Span(1, 1000, 4), Span(1, 7000, 4)
    both, alone = cost(short, long), [cost(short), cost(long)]
    launch_s = alone[0].parts_s["launch"]
    assert both.work_s <= sum(one.work_s for one in alone) - launch_s + 1e-12
    assert both.traffic_bytes["gddr"] <= sum(one.traffic_bytes["gddr"] for one in alone) * 1.001


def test_sequences_of_two_lengths_are_no_slower_than_if_all_were_long() -> None:
    assert cost(Span(1, 1000, 4), Span(1, 7000, 4)).work_s <= cost(Span(1, 7000, 8)).work_s

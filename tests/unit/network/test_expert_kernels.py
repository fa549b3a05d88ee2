"""Exchange of tokens between experts: bytes, cores and groups."""

from __future__ import annotations

import pytest

from accelsim.errors import ConfigError
from accelsim.hardware.system import load_system
from accelsim.network.expert_kernels import ExpertExchange, exchange_terms, expected_places, expert_exchange


def test_a_dispatched_token_is_8_bits_with_scales_and_a_combined_one_16_bits() -> None:
    # 7168 bytes, 56 groups of 128 with 4 bytes of scale each, a header of 16
    assert ExpertExchange("dispatch", 1, 7168, 8, 256, 8).message_bytes == 7168 + 56 * 4 + 16
    assert ExpertExchange("combine", 1, 7168, 8, 256, 8).message_bytes == 2 * 7168


@pytest.mark.parametrize(("num_experts", "tokens_per_core"), [(8, 128), (132, 8), (160, 13), (264, 8)])
def test_fewer_experts_than_cores_leave_cores_idle(num_experts: int, tokens_per_core: int) -> None:
    # 132 cores: 8 experts use 8; 160 experts, two per core, use 80; 264 use all
    exchange = ExpertExchange("dispatch", 1024, 4096, 2, num_experts, 2)
    assert exchange_terms(exchange, 132).tokens_per_core == tokens_per_core


def test_messages_to_ones_own_experts_load_no_link() -> None:
    system = load_system("amd-mi300x-node")
    cost = expert_exchange(ExpertExchange("combine", 100, 1000, 4, 8, 8), system)
    # 100 tokens x 4 experts x 2000 bytes, an eighth for each chip: 100,000 bytes over each of seven 64 GB/s links
    assert cost.sent_bytes == {"infinity_fabric": 700_000}
    assert cost.seconds == pytest.approx(0.6e-6 + 100_000 / 64e9)
    assert "not calibrated" in cost.warnings[0]


def test_normal_kernels_send_a_token_once_per_node() -> None:
    system = load_system("nvidia-dgx-h800:32")
    cost = expert_exchange(ExpertExchange("dispatch", 4096, 7168, 8, 256, 32), system, "normal")
    # 8 picks among 4 nodes hit 4 (1 - (3/4)^8) of them, three quarters of which are others
    nodes = 4 * (1 - 0.75**8)
    assert cost.sent_bytes["infiniband"] == pytest.approx(4096 * 7408 * nodes * 3 / 4)
    assert cost.level == "infiniband"
    assert expert_exchange(ExpertExchange("dispatch", 4096, 7168, 8, 256, 16), system, "normal").level == "nvlink"


def test_a_limit_of_nodes_saves_traffic_between_them() -> None:
    system = load_system("nvidia-dgx-h800:64")
    free, limited = (
        expert_exchange(ExpertExchange("dispatch", 4096, 7168, 8, 256, 64, groups), system, "normal")
        for groups in (0, 4)
    )
    assert limited.sent_bytes["infiniband"] < 0.7 * free.sent_bytes["infiniband"]


def test_places_hit_by_picks() -> None:
    assert expected_places(1, 8) == 1
    assert expected_places(1e9, 8) == pytest.approx(8)


def test_a_torus_carries_messages_over_several_hops() -> None:
    ring = load_system("google-tpu-v4-pod:2x2x1")
    torus = load_system("google-tpu-v4-pod:4x4x4")
    small = expert_exchange(ExpertExchange("combine", 128, 4096, 8, 64, 4), ring)
    large = expert_exchange(ExpertExchange("combine", 128, 4096, 8, 64, 64), torus)
    assert large.parts_s["links"] > small.parts_s["links"]


def test_outside_the_measured_shapes_there_is_a_warning() -> None:
    system = load_system("nvidia-dgx-h200")
    assert expert_exchange(ExpertExchange("dispatch", 1024, 7168, 8, 256, 8), system).warnings == ()
    assert expert_exchange(ExpertExchange("dispatch", 1025, 7168, 8, 256, 8), system).warnings == (
        "exchange-outside-measured: tokens 1025 is outside the measured 1 to 1024.",
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("send", 1, 1, 1, 8, 8), "unknown direction 'send'"),
        (("dispatch", 0, 1, 1, 8, 8), "tokens must be 1 or more"),
        (("dispatch", 1, 1, 9, 8, 8), "topk 9 of 8 experts"),
        (("dispatch", 1, 1, 1, 256, 72), "or 288 experts"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[str, int, int, int, int, int], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        ExpertExchange(*arguments)


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'normal'"):
        expert_exchange(ExpertExchange("dispatch", 1, 128, 1, 8, 8), load_system("nvidia-dgx-h200"), "norml")

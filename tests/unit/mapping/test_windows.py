"""Caches of layers with a window: their window is counted, or the full length that many engines reserve."""

import pytest

from accelsim import Case, Decode, Mixed, Prefill, Span, simulate
from accelsim.errors import CapacityError, ConfigError
from accelsim.warning import warning_id

#: mistral-7b: 32 layers with a window of 4,096, 8 KV heads of 128, 2 B each for keys and values.
PER_POSITION = 32 * 2 * 8 * 128 * 2


def cache_bytes(phase, **options):
    result = simulate("mistral-7b", "nvidia-h100-sxm", phase, what_ifs=False, **options)
    return result.footprint.role_bytes["kv_cache"], result


def test_a_window_is_counted_as_itself_and_on_demand_as_the_full_length():
    counted, windowed = cache_bytes(Decode(4, 16_000))
    assert counted == 4 * 4_096 * PER_POSITION
    reserved, full = cache_bytes(Decode(4, 16_000), kv_window="full")
    assert reserved == 4 * 16_001 * PER_POSITION
    assert full.latency_s == windowed.latency_s  # room, no traffic
    assert full.ledger.traffic_bytes == windowed.ledger.traffic_bytes
    assert full.manifest["kv_window"] == "full"


def test_the_result_names_which_one_is_counted():
    ids = {
        kv_window: [warning_id(one) for one in cache_bytes(Decode(4, 16_000), kv_window=kv_window)[1].warnings]
        for kv_window in ("window", "full")
    }
    assert "window-cache" in ids["window"]
    assert "window-cache" not in ids["full"]
    # 4,096 positions after the step fill the window, none is beyond
    assert "window-cache" not in [warning_id(one) for one in cache_bytes(Decode(4, 4_095))[1].warnings]


def test_steps_of_a_long_decode_reserve_what_the_last_one_needs():
    reserved, result = cache_bytes(Decode(1, 4_000, 200), kv_window="full")
    assert reserved == 4_200 * PER_POSITION
    assert result.latency_s == cache_bytes(Decode(1, 4_000, 200))[1].latency_s


def test_unequal_contexts_reserve_each_its_own_length():
    phase = Mixed([Span(1, 10_000), Span(1, 100)])
    assert cache_bytes(phase)[0] == (4_096 + 101) * PER_POSITION
    assert cache_bytes(phase, kv_window="full")[0] == (10_001 + 101) * PER_POSITION


def test_what_fits_by_windows_may_not_fit_in_full():
    phase = Decode(32, 32_000)
    simulate("mistral-7b", "nvidia-h100-sxm", phase, what_ifs=False)
    with pytest.raises(CapacityError, match="--context"):
        simulate("mistral-7b", "nvidia-h100-sxm", phase, kv_window="full", what_ifs=False)


def test_half_of_the_layers_with_a_window_leave_the_other_half_as_it_is():
    # gpt-oss-120b: every second of 36 layers has a window of 128; 8 KV heads of 64
    def held(kv_window):
        return simulate(
            "gpt-oss-120b", "nvidia-dgx-h100", Decode(1, 8_191), "tp=8", kv_window=kv_window, what_ifs=False
        ).footprint.role_bytes["kv_cache"]

    per_layer = 2 * 1 * 64 * 2  # of the one KV head of a rank
    assert held("window") == 18 * (8_192 + 128) * per_layer
    assert held("full") == 36 * 8_192 * per_layer


def test_another_word_is_refused():
    with pytest.raises(ConfigError, match="kv_window"):
        Case("mistral-7b", "nvidia-h100-sxm", Prefill(1, 64), kv_window="half")


def test_models_without_windows_reserve_what_they_have():
    plain, full = (
        simulate("llama3-8b", "nvidia-h100-sxm", Decode(1, 64), kv_window=kv_window, what_ifs=False)
        for kv_window in ("window", "full")
    )
    assert plain.footprint == full.footprint
    assert "window-cache" not in [warning_id(one) for one in plain.warnings]

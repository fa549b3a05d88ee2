"""Predictions of tables: each row by the cost model of its hardware, and nothing dropped in silence."""

import math
import time

import numpy as np
import pytest

from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.call import Call
from accelsim.cost.measured import Rig
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.system import load_chip, load_system
from accelsim.network.collective import collective_steps
from accelsim.validation.machines import Machines
from accelsim.validation.operations import OPERATIONS
from accelsim.validation.predict import predict, refuse_notes
from accelsim.validation.rigs import our_name, rig_of, rig_table
from accelsim.validation.table import check_table, parse_table
from accelsim.workload.operators.gemm import Gemm

A100 = "nvidia-a100-sxm-80gb"


def table(*rows: str, header: str = "hardware,op,dtype,m,n,k,timing"):
    found = parse_table("\n".join((header, *rows)) + "\n", "my.csv")
    check_table(found, measured=False)
    return found


def test_rows_come_back_in_the_order_of_the_table() -> None:
    rows = [f"{A100},gemm,bf16,{m},1024,1024," for m in (4096, 1, 512)]
    mixed = predict(table(rows[0], f"{A100},add,bf16,64,64,,", rows[1], rows[2])).seconds
    alone = [predict(table(row)).seconds[0] for row in rows]
    assert [mixed[0], mixed[2], mixed[3]] == alone
    assert mixed[0] > mixed[3] > mixed[2]


def test_a_row_without_timing_is_what_the_cost_model_says_of_a_cold_weight() -> None:
    # 8192 x 8192 weights are 128 MiB and stay in no L2, so the rig's warm operands do not matter.
    chip = load_chip(A100)
    cost = COST_MODELS.get("gpu")().cost(Gemm.of(4096, 8192, 8192), chip, Region(*chip.core_grid))
    assert predict(table(f"{A100},gemm,bf16,4096,8192,8192,")).seconds[0] == pytest.approx(cost.work_s, rel=0.02)


def test_timing_decides_whether_launch_and_host_are_inside() -> None:
    rows = [f"{A100},gelu,fp16,64,1024,,{timing}" for timing in ("", "gpu_kernel_time_sum", "host_wall_sync")]
    plain, kernel, host = predict(table(*rows)).seconds
    launch_s = load_chip(A100).calibration["elementwise"]["launch"]
    assert launch_s == "1.3 us"
    assert plain - kernel == pytest.approx(1.3e-6)
    assert host - plain == pytest.approx(44e-6)  # the host time of gelu in the table of rigs


def test_an_unknown_timing_is_priced_and_noted() -> None:
    found = predict(table(f"{A100},add,fp16,64,64,,stopwatch"))
    assert math.isfinite(found.seconds[0])
    assert "timing 'stopwatch' is unknown" in str(found.notes[0])


def test_hardware_that_nobody_describes_leaves_its_rows_empty_and_is_counted() -> None:
    found = predict(table(f"{A100},add,fp16,64,64,,", *["abacus,add,fp16,64,64,,"] * 2, "abacus,gelu,fp16,8,8,,"))
    assert np.isnan(found.seconds).tolist() == [False, True, True, True]
    assert found.num_unpriced == 3
    notes = [str(note) for note in found.notes if note.unpriced]
    assert notes == ["abacus: 3 rows without a prediction: no chip or system of that name is described."]


def test_hardware_that_differs_by_a_letter_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'nvidia-a100-sxm-80gb'"):
        predict(table("nvidia-a100-smx-80gb,add,fp16,64,64,,"))


def test_a_table_of_which_nothing_can_be_priced_is_an_error_that_says_why() -> None:
    with pytest.raises(ConfigError, match=r"my.csv: no row can be priced:\n- abacus: 1 row without"):
        predict(table("abacus,add,fp16,64,64,,"))


def test_an_operator_that_no_model_prices_is_noted() -> None:
    header = "hardware,op,dtype,m,n,hidden,inter,topk,num_experts"
    moe, add = f"{A100},moe,bf16,16,,1024,4096,2,8", f"{A100},add,bf16,16,16,,,,"
    found = predict(table(moe, add, header=header))
    if math.isnan(found.seconds[0]):
        assert [note.op for note in found.notes if note.unpriced] == ["moe"]
    assert math.isfinite(found.seconds[1])


def test_a_type_the_chip_lacks_is_noted_with_those_it_has() -> None:
    found = predict(table(f"{A100},gemm,fp8,64,64,64,", f"{A100},add,fp16,64,64,,"))
    assert np.isnan(found.seconds).tolist() == [True, False]
    assert "no rate for fp8. Use one of: bf16" in str(found.notes[0])


def test_a_chip_without_calibration_of_a_type_says_whose_numbers_it_uses() -> None:
    found = predict(table(f"{A100},gemm,fp32,256,256,256,"))
    assert any("efficiencies of 16-bit gemm used" in str(note) for note in found.notes)


def test_rows_outside_the_calibrated_range_are_counted() -> None:
    limit = load_chip(A100).calibration["gemm_range"]["m"][1]
    rows = [f"{A100},gemm,bf16,{m},1024,1024," for m in (limit, limit + 1, 2 * limit)]
    notes = [str(note) for note in predict(table(*rows)).notes]
    assert notes == [f"{A100} gemm bf16: 2 rows: outside-calibration: m outside the calibrated 1 to {limit}"]


def test_one_chip_can_stand_for_all_hardware() -> None:
    rows = table("abacus,add,fp16,64,64,,", f"{A100},add,fp16,64,64,,")
    seconds = predict(rows, Machines(chip=load_chip("nvidia-h100-sxm"))).seconds
    assert seconds[0] == seconds[1] == predict(table("nvidia-h100-sxm,add,fp16,64,64,,")).seconds[0]


def test_a_collective_runs_on_the_system_whose_chip_it_names() -> None:
    header = "hardware,op,dtype,bytes,ranks,timing"
    rows = [f"{name},allreduce,fp16,1048576,4,nccl_tests_out_of_place" for name in (A100, "nvidia-dgx-a100")]
    found = predict(table(*rows, header=header))
    expected = collective_steps(Call("all_reduce", 2**20, 4), load_system("nvidia-dgx-a100:8")).work_s
    assert found.seconds.tolist() == [expected, expected]


def test_more_ranks_than_a_system_has_get_no_time_and_a_note() -> None:
    header = "hardware,op,dtype,bytes,ranks"
    found = predict(table(f"{A100},allreduce,fp16,1024,2", f"{A100},allreduce,fp16,1024,10000000", header=header))
    assert np.isnan(found.seconds).tolist() == [False, True]
    assert any("10000000 ranks: " in str(note) for note in found.notes)
    assert sum(note.points for note in found.notes if note.unpriced) == 1


def test_ranks_on_nodes_of_their_own_do_not_use_the_links_inside_a_node() -> None:
    header = "hardware,op,dtype,bytes,ranks,ranks_per_node"
    rows = [f"{A100},p2p,fp16,1073741824,2,{per_node}" for per_node in ("", "2", "1")]
    unstated, inside, across = predict(table(*rows, header=header)).seconds
    links = load_system("nvidia-dgx-a100:16").levels
    ratio = links["nvlink"].link.bandwidth_bytes_per_s / links["infiniband"].link.bandwidth_bytes_per_s
    assert unstated == inside
    # 1 GiB: latencies do not count.  Payload reaches less of the network than of NVLink, so the ratio may be larger.
    assert across / inside >= 0.9 * ratio


def test_a_cost_model_without_a_table_form_is_asked_operator_by_operator() -> None:
    chip = load_chip("cerebras-wse2")
    rows = [f"cerebras-wse2,gemm,fp16,1,{n},4096," for n in (4096, 8192, 4096)]
    found = predict(table(*rows)).seconds
    model, region = COST_MODELS.get(chip.cost_model)(), Region(*chip.core_grid)
    expected = [model.cost(Gemm.of(1, n, 4096, dtype=DType.FP16), chip, region).work_s for n in (4096, 8192, 4096)]
    assert found.tolist() == pytest.approx(expected)


def test_tables_of_a_systolic_chip_agree_with_its_cost_model() -> None:
    chip = load_chip("google-tpu-v4")
    found = predict(table(*[f"google-tpu-v4,gemm,fp16,{m},512,384," for m in (32, 1024)])).seconds
    model, region = COST_MODELS.get(chip.cost_model)(), Region(*chip.core_grid)
    expected = [model.cost(Gemm.of(m, 512, 384, dtype=DType.FP16), chip, region).work_s for m in (32, 1024)]
    assert found.tolist() == pytest.approx(expected)


def test_a_hundred_thousand_products_take_seconds() -> None:
    rng = np.random.default_rng(0)
    shapes = (2 ** rng.uniform(0, 14, (100_000, 3))).astype(int).tolist()
    big = table(*[f"{A100},gemm,bf16,{m},{n},{k}," for m, n, k in shapes])
    start = time.process_time()
    found = predict(big)
    # 5 s of one core are 50 us per product; process time counts all threads; twice that leaves room for slow machines.
    assert time.process_time() - start < 10.0
    assert found.num_unpriced == 0


def test_strict_refuses_notes_and_lets_none_pass() -> None:
    refuse_notes([])
    with pytest.raises(Exception, match="strict: the predictions carry notes:\n- one"):
        refuse_notes(["one"])


def test_the_table_of_rigs_says_how_each_source_was_measured() -> None:
    # six layers with weights of their own in one graph
    assert rig_of("cuda_graph_event", "gemm").rig == Rig(weight_copies=6, quantizes=True)
    # a graph of its own, 1.5 us, and a kernel that writes the cache, 2.6 us
    for op in ("attention_prefill", "attention_decode"):
        assert rig_of("cuda_graph_event", op).rig == Rig(appends_kv=True, overhead_s=pytest.approx(4.1e-6))
    assert rig_of("cuda_graph_event", "moe").rig == Rig(overhead_s=pytest.approx(1.5e-6))
    assert rig_of("gpu_kernel_time_sum", "rope").rig == Rig(has_launch=False, weight_copies=6, rounds_s=1e-6)
    overheads = {op: rig_of("host_wall_sync", op).rig.overhead_s for op in ("softmax", "layernorm", "gelu", "gemm")}
    assert overheads == pytest.approx({"softmax": 6.5e-6, "layernorm": 43e-6, "gelu": 44e-6, "gemm": 21e-6})
    assert our_name("nvidia-a100-80gb") == "nvidia-a100-sxm-80gb"


def test_every_special_rig_belongs_to_a_known_operator_or_to_all_of_one_first_word() -> None:
    known = {name for op in OPERATIONS for name in (op, op.partition("_")[0])}
    assert {op for timing in rig_table().timings.values() for op in timing.by_op} <= known


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_operator_has_work_that_grows_with_its_extents(op: str) -> None:
    operation = OPERATIONS[op]
    small = {name: np.array([4.0]) for name in (*operation.needs, *(operation.optional or {}))}
    large = {name: 2 * value for name, value in small.items()}
    assert operation.work(large)[0] > operation.work(small)[0] > 0


def test_work_of_causal_attention_counts_the_pairs_under_the_mask() -> None:
    extents = dict(batch=1, heads=1, kv_heads=1, head_dim=1, q_len=4, kv_len=4, window=0, causal=1)
    work = OPERATIONS["attention_prefill"].work({name: np.array([float(v)]) for name, v in extents.items()})
    assert work.tolist() == [4 * 10.0]  # 1 + 2 + 3 + 4 pairs, two products of two FLOPs each

"""Board power per kernel: mean watts of a loop over one kernel, in the columns of aiconfigurator's power tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.cost import Cost
from accelsim.cost.power_limit import WAITING_SHARE
from accelsim.dtypes import DType
from accelsim.errors import AccelsimError
from accelsim.hardware.chip import Chip
from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.kinds._translate import LeftOut, Row, seconds, translated
from accelsim.validation.kinds.base import SuiteKind, register_suite_kind
from accelsim.validation.machines import Machines
from accelsim.validation.predict import Note, predict
from accelsim.validation.rigs import our_name
from accelsim.validation.table import Table, check_table
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads, Mask
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.gemm import Gemm

#: Column of the measured watts.
MEASURED_WATTS = "power_w"
_NEEDS = ("chip", "table", "type", "shape", "latency_us", MEASURED_WATTS)
_TYPES = {"bfloat16": "bf16", "fp8": "fp8", "fp8_block": "fp8", "nvfp4": "fp4"}
_ATTENTION = {
    "context_attention": "attention_prefill",
    "encoder_attention": "attention_prefill",
    "generation_attention": "attention_decode",
}
_TIMING = "cuda_graph_event"


@register_suite_kind("power")
class BoardPower(SuiteKind):
    """Watts of one chip that runs one kernel over and over; times are the model's, not those of the table."""

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`; rows of whole modules have no prediction."""
        table.require(_NEEDS)
        ours, left_out = translated(table, _row)
        check_table(ours, measured=True)
        prediction = predict(ours, machines)
        rows = [dict(zip(ours.columns, cells, strict=True)) for cells in zip(*ours.columns.values(), strict=True)]
        watts, notes = np.full(len(rows), np.nan), list(left_out)
        for at, (row, took_s) in enumerate(zip(rows, prediction.seconds.tolist(), strict=True)):
            try:
                chip = machines.chip(row["hardware"])
                watts[at] = _watts(_operator(row), took_s, chip)
            except AccelsimError as error:
                notes.append(Note(row["hardware"], row["op"], row["dtype"], 1, True, str(error)))
        every = np.arange(len(rows))
        labels = list(zip(ours.text("hardware"), ours.text("op"), ours.text("dtype"), strict=True))
        measured = ours.numbers(MEASURED_WATTS, every)
        work = ours.numbers("time_s", every)
        return MeasuredComparison(suite, labels, work, watts, measured, (*prediction.notes, *notes), unit="W")


def _row(row: Row) -> Row | LeftOut:
    """A row in the columns of operators, with its watts."""
    kind = row["table"]
    shape = dict(pair.split("=", 1) for pair in row["shape"].split() if "=" in pair)
    read = {"gemm": _gemm, "moe": _experts} | dict.fromkeys(_ATTENTION, _attention)
    if kind not in read:
        return LeftOut(f"{kind}: a module of several kernels, or a kernel that is no operator here")
    multiplied, _, stored = row["type"].partition("/")
    if multiplied not in _TYPES or (stored and stored not in _TYPES):
        return LeftOut(f"{kind}: no kernel of {row['type']} is modelled")
    if kind != "gemm" and kind != "moe" and stored == "":
        stored = multiplied
    found = read[kind](kind, shape)
    if isinstance(found, LeftOut):
        return found
    timed = {"time_s": seconds(row["latency_us"]), "timing": _TIMING, MEASURED_WATTS: row[MEASURED_WATTS]}
    types = {"dtype": _TYPES[multiplied], "stored": _TYPES.get(stored, "")}
    return {"hardware": our_name(row["chip"]), **types, **found, **timed}


def _gemm(kind: str, shape: Mapping[str, str]) -> Row | LeftOut:
    return {"op": "gemm", **{name: shape.get(name, "") for name in ("m", "n", "k")}}


def _attention(kind: str, shape: Mapping[str, str]) -> Row | LeftOut:
    heads, new, before = shape.get("num_heads", ""), shape.get("isl", ""), shape.get("step", "0")
    return {
        "op": _ATTENTION[kind],
        "batch": shape.get("batch_size", ""),
        "heads": heads,
        "kv_heads": shape.get("num_key_value_heads") or heads,
        "head_dim": shape.get("head_dim", ""),
        "q_len": new,
        "kv_len": str(int(new) + int(before)) if new.isdigit() and before.isdigit() else "",
        "window": shape.get("window_size") or "0",
        "causal": "0" if kind == "encoder_attention" else "1",
    }


def _experts(kind: str, shape: Mapping[str, str]) -> Row | LeftOut:
    if shape.get("moe_ep_size") != "1":
        return LeftOut("moe: one rank of several that share the experts")
    return {
        "op": "moe",
        "m": shape.get("num_tokens", ""),
        "hidden": shape.get("hidden_size", ""),
        "inter": shape.get("inter_size", ""),
        "topk": shape.get("topk", ""),
        "num_experts": shape.get("num_experts", ""),
        "tp": shape.get("moe_tp_size", ""),
        "ep": "1",
        "gated": "1",
    }


def _operator(row: Row) -> Operator:
    """The operator of a row, in its types."""
    dtype = DType(row["dtype"])
    if row["op"] == "gemm":
        return Gemm.of(int(row["m"]), int(row["n"]), int(row["k"]), 1, dtype)
    if row["op"] == "moe":
        tokens, hidden = int(row["m"]), int(row["hidden"])
        inner = max(1, int(row["inter"]) // int(row["tp"]))
        bf16 = Experts.of(tokens, hidden, inner, int(row["num_experts"]), int(row["topk"]))
        x, gates, up, down = bf16.inputs
        return replace(
            bf16, inputs=(replace(x, dtype=dtype), gates, replace(up, dtype=dtype), replace(down, dtype=dtype))
        )
    heads = Heads(int(row["heads"]), int(row["kv_heads"]), int(row["head_dim"]))
    mask = Mask(causal=row["causal"] == "1", window=int(row["window"]))
    found = Attention.of(int(row["batch"]), heads, int(row["q_len"]), int(row["kv_len"]), mask, dtype)
    queries, *cache = found.inputs
    return replace(found, inputs=(queries, *(replace(one, dtype=DType(row["stored"])) for one in cache)))


def _watts(operator: Operator, took_s: float, chip: Chip) -> float:
    """Mean power of a chip that starts the operator again and again, ``took_s`` after ``took_s``."""
    cost: Cost = COST_MODELS.get(chip.cost_model)().cost(operator, chip, Region(*chip.core_grid))
    between_s = max(0.0, took_s - cost.work_s)
    busy_s = cost.work_s - cost.rest_s + WAITING_SHARE * between_s
    return chip.idle_w + (chip.busy_w * busy_s + cost.energy_j) / (cost.work_s + between_s)

"""Suites whose rows are closed loops of an engine: so many requests at once, each replaced when it ends.

A row's time per output token is that of a steady decode step: all requests are in the batch, each at the mean context,
half of its tokens written.  Prefills of new requests, which come between the steps, are not priced: rows are compared
only where they are few, a prompt no longer than half of the tokens written.

The number of chips, the division of experts and the requests at once are those of the row's id (in its ``source``);
``tensor_parallel`` is the product of two of them in some rows.

Left out, each with a note: longer prompts, attention divided by requests, and what no model or system of ours is.
"""

from __future__ import annotations

import re
from typing import ClassVar

from accelsim.validation.kinds._translate import LeftOut
from accelsim.validation.kinds.base import register_suite_kind
from accelsim.validation.runs.compare import MeasuredRun, Row
from accelsim.validation.runs.kind import EngineRuns
from accelsim.validation.runs.run import Clock, EngineRun

_NEEDED = (
    *("source", "hardware", "model", "framework", "gemm_quant", "input_tokens", "output_tokens"),
    *("concurrency", "tensor_parallel", "pipeline_parallel", "attention_data_parallel", "moe_expert_parallel"),
    "tpot_s",
)
#: Most tokens of a prompt, over those written.
LITTLE_PREFILL = 0.5
_ID = re.compile(r"_c(?P<requests>\d+)_tp(?P<tp>\d+)_")
_SYSTEMS = {
    "nvidia-h100-sxm": "nvidia-dgx-h100",
    "nvidia-h200-sxm": "nvidia-dgx-h200",
    "nvidia-b200-sxm": "nvidia-dgx-b200",
    "nvidia-gb200": "nvidia-gb200-nvl72",
}
#: Our models by what the table's name holds, in lower case.
_MODELS = {
    "qwen3-235b": "qwen3-235b-a22b",
    "deepseek-r1": "deepseek-v3",
    "llama-3.1-70b": "llama3-70b",
    "llama-3.1-8b": "llama3-8b",
    "gpt-oss-120b": "gpt-oss-120b",
}
_TYPES = {"fp8": "fp8", "fp8_block": "fp8", "nvfp4": "nvfp4", "": "bf16"}
#: Published in 4 bit for the experts alone; its table calls every 4-bit row by one name.
_MXFP4_MODELS = ("gpt-oss-120b",)
_PROFILES = {"trtllm": "trtllm", "vllm": "vllm-v1", "sglang": "sglang"}


@register_suite_kind("serving")
class Serving(EngineRuns):
    """Seconds of a decode step in a closed loop."""

    needs: ClassVar[tuple[str, ...]] = _NEEDED

    def read(self, row: Row) -> MeasuredRun | LeftOut:
        """See :class:`~accelsim.validation.runs.kind.EngineRuns`."""
        return read_row(row)


def read_row(row: Row) -> MeasuredRun | LeftOut:
    """A row as a run, or why it is left out.

    Raises:
        ValueError: A cell is no number.
    """
    prompt, output = int(row["input_tokens"]), int(row["output_tokens"])
    if prompt > LITTLE_PREFILL * output:
        return LeftOut("prompts longer than half of the tokens written: prefills between the steps are not priced")
    if int(row["pipeline_parallel"] or 1) > 1 or int(row["attention_data_parallel"] or 1) > 1:
        return LeftOut("pipelines, or attention divided by requests, in a closed loop")
    model = next((ours for words, ours in _MODELS.items() if words in row["model"].lower()), None)
    system, profile = _SYSTEMS.get(row["hardware"]), _PROFILES.get(row["framework"])
    if model is None or system is None or profile is None or row["gemm_quant"] not in _TYPES:
        return LeftOut("no model, system, type or framework of ours is meant")
    requests, tp = _of_id(row)
    ep = int(row["moe_expert_parallel"] or 1)
    types = "" if model in _MXFP4_MODELS else _TYPES[row["gemm_quant"]]
    run = EngineRun(
        model=model,
        system=f"{system}:{tp}",
        plan=f"tp={tp},ep={ep}" if ep > 1 else f"tp={tp}",
        types=(("dtype", types),) if types else (),
        batch=requests,
        prompt=prompt,
        output=output,
        clock=Clock.STEP,
        profile=profile,
    )
    label = types or "as stored"
    return MeasuredRun(run, row["framework"], row["hardware"], row["model"], label, float(row["tpot_s"]))


def _of_id(row: Row) -> tuple[int, int]:
    """Requests at once and tensor-parallel ranks."""
    found = _ID.search(row["source"])
    if found is None:
        return int(row["concurrency"]), int(row["tensor_parallel"])
    return int(found["requests"]), int(found["tp"])

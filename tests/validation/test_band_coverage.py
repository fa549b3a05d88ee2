"""How often measurements lie inside the error band of their prediction: whole models, and operators never fitted.

``python tests/validation/test_band_coverage.py`` prints every row and the share inside, by source.

Rows (``data/inference_end_to_end.csv``; the README beside it says where each is from) are a prefill and ``osl - 1``
decode steps of one static batch, or a prefill alone; steps are sampled, because their time changes slowly with the
context.  Every second row gave the residual of whole runs (:data:`accelsim.cost.residual.KERNEL_STACK`); the others
test it.  Megatron's rows are a training framework's eager inference and take no part in the fit.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from accelsim import Decode, DType, Model, Prefill, load_chip, load_system, simulate
from accelsim.cost.base import whole_run_residual
from accelsim.cost.gpu.calibration import GpuCalibration
from accelsim.cost.gpu.kernels.gemm import gemm_section
from accelsim.cost.residual import Residual
from accelsim.results.band import Band, band_of
from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.rigs import our_name
from accelsim.validation.suites import run_suites

DATA = Path(__file__).parent / "data" / "inference_end_to_end.csv"
SAMPLED_STEPS = 3
EAGER = "Megatron"
Z80 = 1.2816
LLAMA = {"hidden_act": "silu", "gated_mlp": True, "norm": "rmsnorm", "position": "rope"}
GPT = {"hidden_act": "gelu", "gated_mlp": False, "norm": "layernorm", "position": "learned"}


@dataclass(frozen=True)
class Outcome:
    """A measurement beside its prediction."""

    source: str
    fitted: bool
    name: str
    measured_s: float
    predicted_s: float
    band: Band

    @property
    def is_inside(self) -> bool:
        return self.band.holds(self.measured_s)


def rows() -> list[dict[str, str]]:
    """All rows; ``fitted`` says which gave the residual of whole runs."""
    with DATA.open(encoding="utf-8") as stream:
        found = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    engines = [row for row in found if row["source"] != EAGER]
    return [{**row, "fitted": "yes" if row in engines[::2] else ""} for row in found]


def model_of(row: dict[str, str]) -> Model:
    return Model(
        name=row["model"],
        hidden_size=int(row["hidden"]),
        intermediate_size=int(row["ffn"]),
        num_hidden_layers=int(row["layers"]),
        vocab_size=-(-int(row["vocab"]) // 64) * 64,  # padded so that the ranks divide it
        max_position_embeddings=1_000_000,
        num_attention_heads=int(row["heads"]),
        num_key_value_heads=int(row["kv_heads"]),
        head_dim=int(row["hidden"]) // int(row["heads"]),
        torch_dtype=DType(row["dtype"]),
        **(LLAMA if "LLaMA" in row["model"] else GPT),
    )


def outcome(row: dict[str, str]) -> Outcome:
    """Prefill and decode steps of a row, each residual's time added up."""
    model, system = model_of(row), load_system(f"{row['system']}:{row['tp']}")
    batch, prompt, steps = int(row["batch"]), int(row["isl"]), int(row["osl"]) - 1
    times: dict[Residual, float] = defaultdict(float)

    def add(phase: Prefill | Decode, count: float) -> float:
        profile = "eager" if row["source"] == EAGER else "graph"
        plan = f"tp={row['tp']}"
        result = simulate(model, system, phase, plan, profile=profile, ignore_capacity=True, what_ifs=False)
        for part in result.band.parts:
            times[part.residual] += part.time_s * count
        return result.latency_s * count

    predicted_s = add(Prefill(batch, prompt), 1)
    samples = min(steps, SAMPLED_STEPS)
    for i in range(samples):
        predicted_s += add(Decode(batch, prompt + (2 * i + 1) * steps // (2 * samples)), steps / samples)
    name = f"{row['model']} {row['dtype']} on {row['system']}:{row['tp']}, batch {batch}, {prompt}+{row['osl']}"
    band = band_of(times, whole_run_residual(system.chip))
    return Outcome(row["source"], bool(row["fitted"]), name, float(row["time_s"]), predicted_s, band)


def table(outcomes: Iterable[Outcome]) -> str:
    """Share inside and errors by source, as Markdown."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        role = "gave the residual" if one.fitted else "held out"
        groups[f"{one.source.partition(' v')[0]}, {role}"].append(one)
        if one.source != EAGER:
            groups[f"all engines, {role}"].append(one)
    lines = ["| rows | number | inside the 80 % band | mean error | bias |", "|---|--:|--:|--:|--:|"]
    for name, found in sorted(groups.items()):
        inside = np.mean([one.is_inside for one in found])
        errors = np.array([one.predicted_s / one.measured_s - 1 for one in found])
        shares = (f"{share:.0%}".replace("%", " %") for share in (inside, np.abs(errors).mean()))
        bias = f"{errors.mean():+.0%}".replace("%", " %")
        lines.append(f"| {name} | {len(found)} | {' | '.join(shares)} | {bias} |")
    return "\n".join(lines)


@cache
def compared(suite: str) -> MeasuredComparison:
    return run_suites([suite])[0]


def products_inside(suite: str, op: str, hardware: str) -> tuple[int, float]:
    """Rows of a suite that were never fitted, and the share whose measured time lies in the band of their family."""
    found = compared(suite)
    mine = np.array([label[:2] == (hardware, op) for label in found.labels]) & ~np.isnan(found.predicted_s)
    ratio = np.log(found.measured_s[mine] / found.predicted_s[mine])
    limit = Z80 * GpuCalibration.of(load_chip(our_name(hardware))).residual(gemm_section(DType.BF16)).log_deviation
    return int(mine.sum()), float(np.mean(np.abs(ratio) <= limit))


NEVER_FITTED = (
    ("vidur_compute", "gemm", "nvidia-a100-80gb"),
    ("vidur_compute", "gemm", "nvidia-h100-sxm"),
    ("llmcompass", "gemm", "nvidia-a100-sxm-80gb"),
    ("aiconfigurator_batched_gemm", "batched_gemm", "nvidia-h100-sxm"),
    ("aiconfigurator_batched_gemm", "batched_gemm", "nvidia-h200-sxm"),
    ("aiconfigurator_batched_gemm", "batched_gemm", "nvidia-b200-sxm"),
)


def test_most_held_out_runs_lie_inside_the_band() -> None:
    held_out = [row for row in rows() if not row["fitted"] and row["source"] != EAGER]
    found = [outcome(row) for row in held_out[::4]]
    assert len(found) >= 8
    assert np.mean([one.is_inside for one in found]) >= 0.6  # 80 % of 8 rows, less one and a half standard deviations


@pytest.mark.parametrize("case", NEVER_FITTED, ids=lambda case: f"{case[0]}-{case[2]}")
def test_products_of_other_sources_lie_inside_the_band_of_their_family(case: tuple[str, str, str]) -> None:
    number, inside = products_inside(*case)
    assert number > 20
    # 68 % on Vidur's H100: dummy weights, so that clocks are not limited, and short rows are rounded to 1 us.
    assert inside >= (0.6 if case == ("vidur_compute", "gemm", "nvidia-h100-sxm") else 0.7)


def main() -> None:
    found = []
    for row in rows():
        found.append(outcome(row))
        one = found[-1]
        print(
            f"{one.name:72} measured {one.measured_s:9.4g} s  predicted {one.predicted_s:9.4g} s "
            f"({one.band.low_s:.4g}-{one.band.high_s:.4g})  {one.predicted_s / one.measured_s - 1:+6.1%}  "
            f"{'inside' if one.is_inside else 'outside'}",
            flush=True,
        )
    print(table(found))
    print("\n| operators never fitted | number | inside the 80 % band |\n|---|--:|--:|")
    for suite, op, hardware in NEVER_FITTED:
        number, inside = products_inside(suite, op, hardware)
        print(f"| {suite}, {op} on {hardware} | {number} | {inside:.0%} |".replace("%", " %").replace("80  %", "80 %"))


if __name__ == "__main__":
    main()

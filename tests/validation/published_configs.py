"""Public configs and their right counts, as data: knows nothing of the library."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "configs"
#: Feature that no family models yet -> what a refusal says of it.
NEEDS_A_BLOCK: Mapping[str, str] = {
    "compressed_attention": "compressed attention",
    "cross_attention": "cross-attention",
    "dense_beside_experts": "an MLP beside the experts",
    "encoder": "an encoder",
    "gated_attention": "gated attention",
    "gated_delta": "linear attention",
    "hyper_connections": "hyper-connections",
    "latent_moe": "experts on compressed activations",
    "linear_attention": "linear attention",
    "mamba1": "a state-space model",
    "mamba2": "a state-space model",
    "shared_kv_projection": "one projection for keys and values",
    "sparse_attention": "sparse attention",
}
_BILLION = 1e9


@dataclass(frozen=True)
class Row:
    """One file and what is right for it; None: not certain.

    Attributes:
        path: The file, or the folder of a checkpoint.
        features: That matter for work or bytes.
        total: Parameters of the language model.
        active: Those that a token meets.
        mtp: Those of layers for multi-token prediction.
        kv_bytes: Of one more token, 2 bytes per element.
        kv_bytes_beyond: Once every window is full.
        weight_bytes: As stored.
        has_head: Whether it has a language-model head.
    """

    path: Path
    features: tuple[str, ...]
    total: float | None
    active: float | None
    mtp: float | None
    kv_bytes: float | None
    kv_bytes_beyond: float | None
    weight_bytes: float | None
    has_head: bool | None

    @property
    def name(self) -> str:
        """Of the model."""
        return self.path.stem if self.path.suffix == ".json" else self.path.name

    @property
    def reasons(self) -> tuple[str, ...]:
        """What a refusal has to say; none: the file has to be accepted."""
        return tuple(dict.fromkeys(NEEDS_A_BLOCK[name] for name in self.features if name in NEEDS_A_BLOCK))


def read_rows() -> list[Row]:
    """All rows of ``configs.csv``."""
    with (FOLDER / "configs.csv").open(encoding="utf-8", newline="") as file:
        return [_row(row) for row in csv.DictReader(file)]


def _row(row: Mapping[str, str]) -> Row:
    def number(key: str, scale: float = 1.0) -> float | None:
        return float(row[key]) * scale if row[key] else None

    return Row(
        FOLDER / row["file"],
        tuple(row["features"].split(";")),
        number("total_params_b", _BILLION),
        number("active_params_b", _BILLION),
        number("mtp_params_b", _BILLION),
        number("kv_bytes_per_token_bf16"),
        number("kv_bytes_per_token_beyond_window_bf16"),
        number("weight_bytes_as_stored"),
        {"true": True, "false": False}.get(row["has_lm_head"]),
    )

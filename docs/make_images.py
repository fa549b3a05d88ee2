"""Make the pictures of the README: ``python docs/make_images.py [FOLDER]`` (default: ``docs/images``)."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")  # no display needed

import matplotlib.pyplot as plt

from accelsim import Decode, Prefill, simulate
from accelsim.results.plots import plot_breakdown

SYSTEMS = ("nvidia-a100-sxm-80gb", "google-tpu-v4-pod:4", "cerebras-cs2")
PHASES = (Prefill(batch=1, prompt=2048), Decode(batch=1, context=2048))


def quickstart(path: Path) -> None:
    """Llama 3 8B on three unlike machines: prefill and decode, how long and why."""
    figure, rows = plt.subplots(len(PHASES), 1, figsize=(9.5, 7.0), layout="constrained")
    for ax, phase in zip(rows, PHASES, strict=True):
        results = [simulate("llama3-8b", system, phase, what_ifs=False) for system in SYSTEMS]
        plot_breakdown(results, ax=ax, scale="share")
        length = f"prompt {phase.prompt}" if isinstance(phase, Prefill) else f"context {phase.context}"
        ax.set_title(f"Llama 3 8B {phase.kind}, batch {phase.batch}, {length}", loc="left")
    rows[0].set_xlabel("")
    figure.savefig(path, dpi=110, metadata={"Software": None})  # equal runs, equal files
    plt.close(figure)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images"
    folder.mkdir(parents=True, exist_ok=True)
    quickstart(folder / "quickstart.png")

"""Draw every kind of picture once, large and small: ``python docs/make_gallery.py FOLDER``.

For a look with the eyes after a change to the plots: labels that meet, axes without a unit, colours that merge.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib

matplotlib.use("agg")  # no display needed

import numpy as np
from matplotlib.axes import Axes

from accelsim import Decode, Prefill, Result, load_system, simulate
from accelsim.cost.call import Call
from accelsim.network.collective import collective_steps
from accelsim.network.sweep import bus_bytes_per_s
from accelsim.results.plots import (
    TornadoBar,
    plot_breakdown,
    plot_collective,
    plot_floorplan,
    plot_link_load,
    plot_memory,
    plot_pareto,
    plot_roofline,
    plot_scaling,
    plot_timeline,
    plot_tornado,
    plot_validation,
)
from accelsim.study.sensitivity import Experiment, measure

NODE = "nvidia-dgx-h100"


def of_results(name: str, result: Result) -> Iterator[tuple[str, Callable[[], Axes]]]:
    """Pictures of one run."""
    for by in ("cause", "operator"):
        yield f"{name}_breakdown_{by}", lambda by=by: plot_breakdown(result, by=by)  # type: ignore[misc]
    yield f"{name}_timeline", lambda: plot_timeline(result)
    yield f"{name}_roofline", lambda: plot_roofline(result)
    yield f"{name}_memory", lambda: plot_memory(result)
    if result.spatial is not None:
        run = result.spatial
        yield f"{name}_floorplan", lambda: plot_link_load(run, ax=plot_floorplan(run, faint=True))


def scaling() -> Axes:
    """Llama 3 8B over the chips of a node."""
    chips = [1, 2, 4, 8]
    runs = [simulate("llama3-8b", f"{NODE}:{n}", Decode(32, 2048), f"tp={n}", what_ifs=False) for n in chips]
    return plot_scaling(chips, {"decode, batch 32": [run.tokens_per_s for run in runs]})


def pareto() -> Axes:
    """Throughput against speed for a user, over batches and degrees."""
    runs = {
        f"tp={tp}, batch {batch}": simulate(
            "llama3-8b", f"{NODE}:{tp}", Decode(batch, 2048), f"tp={tp}", what_ifs=False
        )
        for tp in (1, 2, 4, 8)
        for batch in (1, 8, 64, 256)
    }
    x = [run.tokens_per_s / int(name.split()[-1]) for name, run in runs.items()]
    return plot_pareto(x, [run.tokens_per_s / run.num_chips for run in runs.values()], list(runs))


def collective() -> Axes:
    """An all-reduce over sizes on two machines."""
    sizes = [2**power for power in range(10, 31, 2)]
    systems = {name: load_system(name) for name in (f"{NODE}:8", "google-tpu-v4-pod:8")}
    curves = {
        name: (sizes, [bus_bytes_per_s(collective_steps(Call("all_reduce", size, 8), system)) for size in sizes])
        for name, system in systems.items()
    }
    return plot_collective(curves, "all_reduce of 8 ranks")


def tornado() -> Axes:
    """Which numbers of an A100 a decode depends on."""
    run = simulate("llama3-8b", "nvidia-a100-sxm-80gb", Decode(1, 512), what_ifs=False)
    found = measure(Experiment.after(run), only=("chip",))
    base_s = found.base.latency_s
    bars = [TornadoBar(i.parameter.path, i.low.latency_s / base_s, i.high.latency_s / base_s) for i in found.influences]
    return plot_tornado(bars, found.step)


def predicted_against_measured() -> Axes:
    """Three series with a known scatter."""
    rng = np.random.default_rng(0)
    measured = np.geomspace(1e-6, 1e-2, 40)
    return plot_validation(
        {name: (measured, measured * rng.lognormal(0, s, 40)) for name, s in (("gemm", 0.1), ("norm", 0.3))}
    )[0]


def pictures() -> Iterator[tuple[str, Callable[[], Axes]]]:
    """Name and drawing of each picture."""
    yield from of_results("gpu", simulate("llama3-70b", NODE, Prefill(1, 2048), "tp=8", what_ifs=False))
    yield from of_results("wafer", simulate("llama3-8b", "cerebras-cs2", Prefill(1, 128), "execution=spatial"))
    yield from {
        "scaling": scaling,
        "pareto": pareto,
        "collective": collective,
        "tornado": tornado,
        "predicted_against_measured": predicted_against_measured,
    }.items()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in pictures():
        if len(sys.argv) > 2 and sys.argv[2] not in name:
            continue
        figure = draw().get_figure(root=True)
        assert figure is not None
        figure.savefig(folder / f"{name}.png", dpi=90)
        print(folder / f"{name}.png")

"""What the resources did: memory levels, links and servers."""

from __future__ import annotations

import numpy as np

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.series import Series, Stage
from accelsim.engine.taskgraph import Int64Array
from accelsim.mapping.servers import HOST_LINK
from accelsim.results.data import RunData
from accelsim.results.tables.columns import Columns, by_column, text_column
from accelsim.results.tables.energy import energy_table


def traffic_table(result: RunData) -> Columns:
    """Bytes by memory level or network, all chips, with mean and peak bandwidth and what it is of the peak.

    ``peak_bytes_per_s`` is the published peak of all chips in use (one link per chip and direction on a system level);
    0 where the description states none for the chip as a whole.  ``time_s`` is what operators and transfers spend on
    the level, summed over executions, so that what overlaps both counts; ``energy_j`` is that of the bytes.
    """
    rows = []
    moved = energy_table(result)
    for level, nbytes in result.ledger.traffic_bytes.items():
        kind, peak = _kind_and_peak(result, level)
        mean = nbytes / result.latency_s
        time_s = sum(row.parts_s.get(level, 0.0) for row in result.ledger.rows)
        energy_j = sum(j for name, j in zip(moved["component"], moved["energy_j"], strict=True) if name == level)
        rows.append((level, kind, nbytes, mean, peak, mean / peak if peak else 0.0, time_s, energy_j))
    names = ("level", "kind", "bytes", "mean_bytes_per_s", "peak_bytes_per_s", "utilisation_fraction")
    return by_column(rows, (*names, "time_s", "energy_j"))


def _kind_and_peak(result: RunData, level: str) -> tuple[str, float]:
    chip, chips = result.machine.chip, result.num_chips
    if level in chip.all_memories:
        return "memory", chip.all_memories[level].bandwidth_bytes_per_s * chips
    if level == "sram":
        return "memory", chip.num_cores * chip.sram_bandwidth_per_core_bytes_per_s * chips
    if level in result.machine.levels:
        return "link", result.machine.levels[level].link.bandwidth_bytes_per_s * chips
    if level == HOST_LINK and result.machine.host is not None:
        return "link", result.machine.host.link.bandwidth_bytes_per_s * chips
    return "network", 0.0


def links_table(result: RunData) -> Columns:
    """One row per simulated link: bytes, busy time, mean and peak rate, capacity.

    Links are those of the simulated chip (every chip's, where each has its own in the simulation), so bytes are not
    multiplied by the number of chips.  ``mean_bytes_per_s`` is over the latency, ``peak_bytes_per_s`` the highest rate
    at any moment (of a long decode, of the steps that are shown).
    """
    timeline = result.timeline
    graph = timeline.stages[0].stage.graph
    peak = np.zeros(graph.num_links)
    for runs in dict.fromkeys(runs for one in result.rated_timeline.series for runs in one.runs):
        for rates in runs.rates:
            np.maximum.at(peak, rates.link, rates.bytes_per_s)
    latency_s = result.latency_s
    busy_s = timeline.link_busy_ticks / TICKS_PER_S
    return {
        "link": text_column(graph.links),
        "bytes": timeline.link_bytes,
        "busy_s": busy_s,
        "busy_fraction": busy_s / latency_s,
        "mean_bytes_per_s": timeline.link_bytes / latency_s,
        "peak_bytes_per_s": peak,
        "capacity_bytes_per_s": graph.capacity_bytes_per_s,
    }


def link_use_table(result: RunData) -> Columns:
    """Bytes of each operator on each simulated link: why a link is hot; sums per link to the table of links."""
    used: dict[tuple[str, str], int] = {}
    for series in (played.series for played in result.timeline.series):
        for stage in series.stages:
            graph, nbytes = stage.graph, _bytes_of_all(series, stage)
            task = np.repeat(np.arange(graph.num_tasks), graph.num_hops)
            keys = graph.label[task].astype(np.int64) * max(1, graph.num_links) + graph.route_link
            unique, inverse = np.unique(keys, return_inverse=True)
            total = np.zeros(len(unique), dtype=np.int64)
            np.add.at(total, inverse, nbytes[task])
            for pair, n in zip((divmod(int(key), graph.num_links) for key in unique), total.tolist(), strict=True):
                key = graph.links[pair[1]], graph.labels[pair[0]]
                used[key] = used.get(key, 0) + n * stage.repeat
    hottest = sorted(used, key=lambda key: (key[0], -used[key]))
    return by_column(((*key, used[key]) for key in hottest if used[key]), ("link", "operator", "bytes"))


def servers_table(result: RunData) -> Columns:
    """One row per simulated server (stream, region, engine): tasks done and time held."""
    timeline = result.timeline
    graph = timeline.stages[0].stage.graph
    tasks = np.zeros(graph.num_servers, dtype=np.int64)
    for series in (played.series for played in timeline.series):
        for stage in series.stages:
            server = stage.graph.server
            tasks += np.bincount(server[server >= 0], minlength=graph.num_servers) * stage.repeat * series.rounds
    busy_s = timeline.server_busy_ticks / TICKS_PER_S
    return {
        "server": text_column(graph.servers),
        "tasks": tasks,
        "busy_s": busy_s,
        "busy_fraction": busy_s / result.latency_s,
    }


def _bytes_of_all(series: Series, stage: Stage) -> Int64Array:
    """Bytes of each task of a stage, all rounds of its series together."""
    nbytes: Int64Array = stage.graph.nbytes * series.rounds
    if stage.variants is not None:
        nbytes[stage.variants.tasks] = stage.variants.nbytes.sum(axis=0)
    return nbytes

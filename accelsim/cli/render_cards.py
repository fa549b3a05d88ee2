"""Cards of chips, systems, models and profiles as text for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from accelsim.cli.tables import make_console, print_entry
from accelsim.results.format import count_text
from accelsim.results.types_text import types_text
from accelsim.units import format_quantity as text

Row = tuple[str, str]
_MOST_ASSUMED = 8


def print_card(card: Mapping[str, Any], asked: str) -> None:
    """Name, description, figures; how many values have which source, and where the file itself is shown.

    Args:
        card: As of :func:`accelsim.cli.cards.card_of`.
        asked: Name or path that finds its file.
    """
    console = make_console()
    console.print(f"[bold]{escape(card['name'])}[/] ({card['kind']})")
    if card.get("description"):
        console.print(escape(card["description"]), style="dim")
    _print_rows(console, _ROWS[card["kind"]](card))
    console.print(f"[dim]file with sources: accelsim show {escape(asked)} --yaml[/]", soft_wrap=True)


def _print_rows(console: Console, rows: Iterator[Row]) -> None:
    shown = list(rows)
    labels = max(len(name) for name, _ in shown) + 1
    for name, value in shown:
        print_entry(console, name, value, labels)


def _chip_rows(card: Mapping[str, Any]) -> Iterator[Row]:
    yield "cost model", card["cost_model"]
    yield from _figure_rows(card)
    inherited = [f"{section} from {chip}" for section, chip in card["calibration_from"].items()]
    yield "calibration", ", ".join([*card["calibration"], *inherited]) or "none: typical or assumed values"
    yield from _source_rows(card)


def _figure_rows(card: Mapping[str, Any]) -> Iterator[Row]:
    rows, cols = card["core_grid"]
    yield "cores", f"{rows * cols:,} ({rows} x {cols}) at {text(card['clock_hz'], 'hz')}"
    yield "matrix peaks", _rates(card["peak_flops_per_s"])
    yield "vector peaks", _rates(card["vector_flops_per_s"])
    sram = f"{text(card['sram_bytes'], 'bytes')} ({text(card['sram_per_core_bytes'], 'bytes')} per core)"
    yield "sram", f"{sram}, {text(card['sram_bandwidth_bytes_per_s'], 'bytes_per_s')}"
    for name, one in card["memories"].items():
        yield name, f"{text(one['capacity_bytes'], 'bytes')}, {text(one['bandwidth_bytes_per_s'], 'bytes_per_s')}"
    if card["noc"] is not None:
        noc = card["noc"]
        rate = text(noc["link_bandwidth_bytes_per_s"], "bytes_per_s")
        yield "noc", f"{noc['topology']}, {rate} per link, {text(noc['hop_latency_s'], 'time')} per hop"
    yield "launch", text(card["launch_s"], "time")
    yield "power", f"{text(card['tdp_w'], 'watt')} limit, {text(card['idle_w'], 'watt')} idle"


def _rates(rates: Mapping[str, float]) -> str:
    return ", ".join(f"{dtype} {text(rate, 'flops_per_s')}" for dtype, rate in rates.items()) or "none"


def _system_rows(card: Mapping[str, Any]) -> Iterator[Row]:
    yield "chips", f"{card['num_chips']} of {card['chip']}, at most {card['max_chips']:,} (NAME:CHIPS)"
    for level in card["levels"]:
        size = level["size"] if isinstance(level["size"], int) else " x ".join(map(str, level["size"]))
        rate, latency = text(level["bandwidth_bytes_per_s"], "bytes_per_s"), text(level["latency_s"], "time")
        about = f"{level['topology']} of {size}, {rate} per chip and direction, {latency}"
        yield level["name"], f"{about}; collectives: {', '.join(level['algorithms']) or 'any whose load is known'}"
    if card["host_bandwidth_bytes_per_s"] is not None:
        yield "host", f"{text(card['host_bandwidth_bytes_per_s'], 'bytes_per_s')} per chip"
    yield "", ""
    yield card["chip"], "each chip"
    yield from _figure_rows(card["chip_figures"])
    yield from _source_rows(card)


def _source_rows(card: Mapping[str, Any]) -> Iterator[Row]:
    counts = card["sources"]
    yield "sources", ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "none stated"
    assumed = card["assumed"]
    if assumed:
        more = f" and {len(assumed) - _MOST_ASSUMED} more" if len(assumed) > _MOST_ASSUMED else ""
        yield "assumed", ", ".join(assumed[:_MOST_ASSUMED]) + more


def _model_rows(card: Mapping[str, Any]) -> Iterator[Row]:
    active = f", {_count(card['active_params'])} active" if card["active_params"] != card["total_params"] else ""
    yield "parameters", f"{_count(card['total_params'])}{active} (embedding and head included)"
    if card["mtp_params"]:
        yield "on top", f"{_count(card['mtp_params'])} for multi-token prediction"
    if card["tower_params"] != 0:
        yield "towers", card["towers"]
    by_type = ", ".join(f"{dtype} {text(n, 'bytes')}" for dtype, n in card["weight_bytes_by_type"].items())
    yield "weights", f"{text(card['weight_bytes'], 'bytes')} as stored: {by_type}"
    yield "kv cache", _cache(card)
    yield "types", types_text(card["types"])
    layers: Counter[str] = Counter()
    for layer in card["layers"]:
        layers[_layer(layer)] += layer["count"]
    yield "layers", "; ".join(f"{count} x {layer}" for layer, count in layers.items())
    yield "structure", ", ".join(f"{key} {_plain(value)}" for key, value in card["structure"].items())
    if card["hf_ids"]:
        yield "also as", ", ".join(card["hf_ids"])
    for warning in card["warnings"]:
        yield "warning", warning


def _cache(card: Mapping[str, Any]) -> str:
    each = f"{card['kv_bytes_per_token']:,} bytes per token"
    beyond = card["kv_bytes_per_token_beyond_window"]
    return each if beyond is None else f"{each}, {beyond:,} beyond the window"


def _layer(layer: Mapping[str, Any]) -> str:
    window = f", window {layer['window']:,}" if layer["window"] else ""
    attention = f", {layer['attention']} attention" if layer["attention"] != "grouped" else ""
    return f"{layer['block']}{attention}{window}"


def _count(number: int) -> str:
    """E.g. ``70.55 billion (70,553,706,496)``: a ``B`` would read as bytes."""
    short = count_text(number)
    words = {"k": "thousand", "M": "million", "G": "billion", "T": "trillion"}
    figure, _, prefix = short.partition(" ")
    return f"{figure} {words[prefix]} ({number:,})" if prefix in words else f"{number:,}"


def _plain(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _profile_rows(card: Mapping[str, Any]) -> Iterator[Row]:
    shown = ("kind", "name", "description", "schema_version")
    yield from ((key, _plain(value)) for key, value in card.items() if key not in shown)


_ROWS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Row]]] = {
    "chip": _chip_rows,
    "system": _system_rows,
    "model": _model_rows,
    "profile": _profile_rows,
}

"""The report: one HTML file that opens without a network, in a browser of today.

The plotting library and the data are inside the file, the library compressed.  Every string from an input is escaped:
by the template in HTML, by Unicode escapes in JSON, and by the page's script, which never writes HTML.  Charts hold at
most :data:`accelsim.results.report.figures.MAX_BARS` bars and tables :data:`MAX_ROWS` rows; the page says what it
leaves out.
"""

from __future__ import annotations

import base64
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError
from accelsim.files import write_atomic
from accelsim.results.band import METHOD
from accelsim.results.format import (
    band_text,
    describe_phase,
    joules_text,
    percent_text,
    rate_text,
    seconds_text,
    size_text,
    watts_text,
)
from accelsim.results.metrics import MBU_DEFINITION, MFU_DEFINITION, THROUGHPUT_DEFINITION
from accelsim.results.result import Result
from accelsim.results.types_text import types_text
from accelsim.version import VERSION

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 500
#: Links that the page lists operators for, busiest first.
MAX_LINKS = 2_000
#: Tables of the page with a heading, in order.
TABLES = {
    "operators": "Operators",
    "critical_path": "Critical path",
    "tensors": "Tensors",
    "traffic": "Traffic by level, all chips",
    "roles": "Traffic of the main memory by role",
    "links": "Links of the simulated chip",
    "link_use": "Operators on each link",
    "servers": "Servers",
    "tiles": "Groups on their tiles; bytes per tile",
    "energy": "Energy",
    "tasks": "Tasks, first repetition of each block",
}
_HERE = Path(__file__).parent
#: The part of plotly.js that draws bars and scatters (npm plotly.js-basic-dist-min 4.1.1, MIT), a quarter of the whole.
PLOTLY_JS = _HERE / "plotly-basic.min.js.gz"


def write_report(result: Result, path: Path) -> None:
    """Write the page.

    Args:
        result: The run.
        path: File to write, e.g. ``run.html``; complete or not written at all.

    Raises:
        ConfigError: The extra ``report`` is not installed, or the file cannot be written.
    """
    write_atomic(Path(path), render_report(result))


def check_report_extra() -> None:
    """Refuse a page that cannot be made here, before anything is computed for it.

    Raises:
        ConfigError: The extra ``report`` (plotly, jinja2) is not installed.
    """
    missing = [name for name in ("plotly", "jinja2") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"the report needs {' and '.join(missing)}. Install with: pip install 'accelsim[report]'.")


def render_report(result: Result) -> str:
    """The page as text.

    Raises:
        ConfigError: The extra ``report`` (plotly, jinja2) is not installed.
    """
    check_report_extra()
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from accelsim.results.report.figures import figures

    data = result.to_dict()
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    tables = {name: _table(title, table) for name, title in TABLES.items() if len(table := result.table(name))}
    drawn = figures(result)
    return environment.get_template("page.html.j2").render(
        version=VERSION,
        result=result,
        data=data,
        phase=describe_phase(result.phase),
        cards=_cards(result),
        facts=_facts(result),
        figures=[{"id": f.name, "title": f.title, "note": f.note} for f in drawn],
        tables=tables,
        links=_links(result),
        css=(_HERE / "page.css").read_text(encoding="utf-8"),
        js=(_HERE / "page.js").read_text(encoding="utf-8"),
        json_data=_script_safe(json.dumps(data)),
        json_figures=_script_safe("{" + ",".join(f"{json.dumps(f.name)}:{f.json}" for f in drawn) + "}"),
        json_link_use=_script_safe(json.dumps(_link_use(result))),
        plotly=base64.b64encode(PLOTLY_JS.read_bytes()).decode(),
    )


def _script_safe(text: str) -> str:
    """JSON that cannot end the script element it stands in."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _cards(result: Result) -> list[dict[str, Any]]:
    """The figures at the top: key of the JSON, label, text, exact value, definition."""
    u = result.utilisation
    cards = [
        ("latency_s", "latency", seconds_text(result.latency_s), result.latency_s,
         band_text(result.band.low_s, result.band.high_s, result.band.level)),
        ("tokens_per_s", "throughput", f"{result.tokens_per_s:,.1f} tokens/s", result.tokens_per_s,
         THROUGHPUT_DEFINITION),
        ("energy_j", "energy", joules_text(result.energy.total_j), result.energy.total_j,
         f"{joules_text(result.energy_per_token_j)} per token, all chips; modelled, {_assumed(result)}"),
        ("power_mean_w", "mean power", watts_text(result.power.mean_w), result.power.mean_w,
         f"peak {watts_text(result.power.peak_w)}, limit {watts_text(result.power.limit_w)}, all chips"),
        ("mfu_fraction", "MFU", percent_text(u.mfu_fraction), u.mfu_fraction, MFU_DEFINITION),
    ]  # fmt: skip
    if u.mbu_fraction is not None:
        cards.append(("mbu_fraction", "MBU", percent_text(u.mbu_fraction), u.mbu_fraction, MBU_DEFINITION))
    f = result.footprint
    cards.append(("memory", f"{f.memory} per chip", size_text(f.total_bytes), f.total_bytes,
                  f"of {size_text(f.capacity_bytes)}"))  # fmt: skip
    if cost := result.bill.get("cost"):
        cards.append(("cost", "cost per million tokens", f"{cost['per_million_tokens']:.4g}", cost["total"],
                      f"{cost['total']:.4g} for this run, at {cost['price_per_chip_hour']:g} a chip-hour"))  # fmt: skip
    if carbon := result.bill.get("carbon"):
        note = f"{carbon['total_g']:.4g} g for this run, at {carbon['grid_gco2_per_kwh']:g} g/kWh; chips alone"
        per_million = f"{carbon['per_million_tokens_g']:.4g} g"
        cards.append(("carbon", "carbon per million tokens", per_million, carbon["total_g"], note))
    return [dict(zip(("key", "label", "text", "value", "note"), card, strict=True)) for card in cards]


def _assumed(result: Result) -> str:
    number = len(result.assumed_energies)
    return f"{number} of its values assumed (listed below)" if number else "no value assumed"


def _facts(result: Result) -> dict[str, list[tuple[str, str]]]:
    """What was simulated: lists of name and text under a heading."""
    manifest, provenance = result.manifest, result.machine.provenance
    return {
        "Run": [
            ("accelsim", str(manifest["accelsim_version"])),
            ("model", result.model),
            ("system", str(result.machine)),
            ("plan", f"{result.plan}"),
            ("element types", types_text(result.types)),
            ("launch profile", result.profile or "none: runs a compiled program as a whole"),
            ("error band", METHOD),
            ("seed", str(manifest["seed"])),
            ("engine", f"{result.timeline.engine}, {result.num_simulated_tasks} tasks"),
        ],
        "Overrides": [(str(path), str(value)) for path, value in manifest["overrides"].items()],
        "Input files (SHA-256)": [(str(name), str(digest)) for name, digest in manifest["inputs"].items()],
        "Assumed hardware values": [
            (path, f"{provenance[path].value_text}: {provenance[path].source or 'no source'}")
            for path in result.assumed
            if path in provenance
        ],
    }


def _table(title: str, table: pd.DataFrame) -> dict[str, Any]:
    """A table as the template wants it: columns, whether they are numbers, rows of exact values."""
    shown = table.head(MAX_ROWS)
    return {
        "title": title,
        "columns": [str(column) for column in shown.columns],
        "numeric": [shown[column].dtype.kind in "iuf" for column in shown.columns],
        "rows": [[_cell(value) for value in row] for row in shown.itertuples(index=False)],
        "left_out": len(table) - len(shown),
    }


def _cell(value: object) -> tuple[str, str]:
    """What a cell shows, and its exact value for sorting and download."""
    if isinstance(value, (bool, str)):
        return str(value), str(value)
    number = float(value)  # type: ignore[arg-type]
    exact = str(int(number)) if number.is_integer() and abs(number) < 2**63 else repr(number)
    return (exact if len(exact) <= 7 else f"{number:.5g}"), exact


def _links(result: Result) -> list[tuple[str, str]]:
    """Links that carried something, busiest first, with a line about each."""
    table = result.table("links")
    used = table[table["bytes"] > 0].sort_values("busy_s", ascending=False, kind="stable").head(MAX_LINKS)
    columns = ("link", "bytes", "busy_fraction", "peak_bytes_per_s", "capacity_bytes_per_s")
    return [
        (
            str(name),
            f"{size_text(nbytes)}, busy {percent_text(busy)} of the time, "
            f"peak {rate_text(peak)} of {rate_text(capacity)}",
        )
        for name, nbytes, busy, peak, capacity in zip(*(used[column] for column in columns), strict=True)
    ]


def _link_use(result: Result) -> dict[str, list[tuple[str, int, str]]]:
    """Operators of each listed link with their bytes, as a number and as text, largest first."""
    listed = {name for name, _ in _links(result)}
    use: dict[str, list[tuple[str, int, str]]] = {}
    table = result.table("link_use")
    for link, operator, nbytes in zip(table["link"], table["operator"], table["bytes"], strict=True):
        if link in listed and len(use.setdefault(str(link), [])) < MAX_ROWS:
            use[str(link)].append((str(operator), int(nbytes), size_text(nbytes)))
    return use

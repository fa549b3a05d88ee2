"""A run of the golden matrix: from a line of options to plain figures.  The only file here that knows the library."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from accelsim.cli.runspec import case_of
from accelsim.errors import AccelsimError
from accelsim.pipeline import simulate
from accelsim.results.result import Result
from accelsim.warning import warning_id

HERE = Path(__file__).parent
#: Folders of this checkout that texts may name.
_ROOTS = (f"{HERE}/", f"{HERE.parent.parent}/")


def run_one(line: str) -> dict[str, Any]:
    """Figures of the run, or type and first line of the error it ends in."""
    wants = "--what-ifs"
    try:
        case = case_of(_file(line.replace(wants, "")))
        return _figures(simulate(case, what_ifs=wants in line), wants in line)
    except AccelsimError as error:
        return {"error": type(error).__name__, "text": _first_line(error)}


def _file(text: str) -> str:
    """The line with files relative to this folder spelled out."""
    return re.sub(r"(?:\.\./data|inputs)/[^,:\s]*", lambda found: str((HERE / found[0]).resolve()), text)


def _figures(result: Result, with_what_ifs: bool) -> dict[str, Any]:
    ledger, energy = result.ledger, result.energy
    figures: dict[str, Any] = {
        "ticks": int(result.timeline.makespan_ticks),
        "plan": _relative(str(result.plan)),
        "tokens": result.tokens,
        "flops": ledger.flops,
        "traffic_bytes": _plain(ledger.traffic_bytes),
        "role_bytes": _plain(ledger.role_bytes),
        "memory_bytes": _plain(result.footprint.role_bytes),
        "cause_s": _plain(ledger.cause_s),
        "energy_j": {"dynamic": energy.dynamic_j, "busy": energy.busy_j, "static": energy.static_j},
        "band_s": [result.band.low_s, result.band.high_s],
        "utilisation": [result.utilisation.mfu_fraction, result.utilisation.mbu_fraction],
        "warnings": [warning_id(warning) or warning for warning in result.warnings],
    }
    if with_what_ifs:
        figures["bottleneck"] = result.bottleneck.sentence
        figures["what_ifs"] = {
            what_if.change: [what_if.latency_s, what_if.speedup] for what_if in result.bottleneck.what_ifs
        }
    return figures


def _first_line(error: AccelsimError) -> str:
    """Without the names it lists: each new chip would change them."""
    return re.sub(r"Known: .*", "Known: ...", _relative(str(error).splitlines()[0]))


def _relative(text: str) -> str:
    for root in _ROOTS:
        text = text.replace(root, "")
    return text


def _plain(numbers: Any) -> dict[str, int | float]:
    """By name; whole numbers as integers, which compare exactly."""
    return {str(name): _number(value) for name, value in numbers.items()}


def _number(value: Any) -> int | float:
    return int(value) if float(value).is_integer() else float(value)

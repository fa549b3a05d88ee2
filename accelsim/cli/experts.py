"""``accelsim experts``: what the exchange of tokens between experts takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelsim.case.read import read_overrides
from accelsim.cli import options as o
from accelsim.cli.command import add_command
from accelsim.cli.groups import grouped
from accelsim.cli.output import write_json

if TYPE_CHECKING:
    from accelsim.hardware.system import System
    from accelsim.network.expert_kernels import ExchangeCost


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    add_command(app, "experts", experts)


@dataclass(frozen=True)
class LayerFlags:
    """The layer whose tokens are exchanged."""

    tokens: Annotated[int, typer.Option("--tokens", help="Tokens of each chip.")] = 128
    hidden: Annotated[int, typer.Option("--hidden", help="Elements of a token.")] = 7168
    topk: Annotated[int, typer.Option("--topk", help="Experts of each token.")] = 8
    num_experts: Annotated[int, typer.Option("--experts", help="Experts of the model, on all chips together.")] = 256
    ranks: Annotated[int | None, typer.Option("--ranks", help="Chips that hold them; default: all.")] = None
    topk_groups: Annotated[int, typer.Option("--topk-groups", help="Most nodes a token may go to; 0: any.")] = 0


@grouped
def experts(
    on: Annotated[str, typer.Option("--on", help="System, with :CHIPS for a size, or a YAML.")],
    layer: LayerFlags,
    kernel: Annotated[str, typer.Option("--kernel", help="low_latency or normal.")] = "low_latency",
    set_: o.SetOption = None,
    json_: o.JsonOption = None,
    strict: o.StrictOption = False,
) -> None:
    """Time of dispatch and combine of a mixture-of-experts layer, by cause, and the bandwidth that DeepEP counts.

    Defaults are a decode step of DeepSeek-V3.
    """
    from accelsim.errors import AccelsimError
    from accelsim.hardware.system import load_system
    from accelsim.network.expert_kernels import COMBINE, DISPATCH, ExpertExchange, expert_exchange

    system = load_system(on, read_overrides(set_ or ()))
    chips = system.num_chips if layer.ranks is None else layer.ranks
    shape = (layer.tokens, layer.hidden, layer.topk, layer.num_experts, chips, layer.topk_groups)
    costs = [expert_exchange(ExpertExchange(way, *shape), system, kernel) for way in (DISPATCH, COMBINE)]
    warnings = list(dict.fromkeys(text for cost in costs for text in cost.warnings))
    if strict and warnings:
        raise AccelsimError("strict: the result carries warnings:\n" + "\n".join(f"- {text}" for text in warnings))
    if json_ is not None:
        write_json(_content(costs, system, warnings), json_)
    if json_ != "-":
        _print(costs, system, warnings)


def _content(costs: list[ExchangeCost], system: System, warnings: list[str]) -> dict[str, Any]:
    content: dict[str, Any] = {"system": str(system), "kernel": costs[0].kernel, "warnings": warnings}
    for cost in costs:
        content[cost.exchange.direction] = {
            "time_s": cost.seconds,
            "parts_s": dict(cost.parts_s),
            "sent_bytes": dict(cost.sent_bytes),
            "bandwidth_bytes_per_s": cost.bandwidth_bytes_per_s,
            "level": cost.level,
        }
    return content


def _print(costs: list[ExchangeCost], system: System, warnings: list[str]) -> None:
    from accelsim.cli.tables import make_console, make_table
    from accelsim.units import format_quantity as text

    one = costs[0].exchange
    causes = list(dict.fromkeys(cause for cost in costs for cause in cost.parts_s))
    title = (
        f"{one.tokens} tokens of {one.hidden} per chip to {one.topk} of {one.num_experts} experts on {one.ranks} chips "
        f"of {system}, {costs[0].kernel}"
    )
    numbers = ("time", *causes, "bandwidth")
    table = make_table(title, ("direction", *numbers), numbers)
    for cost in costs:
        parts = [text(cost.parts_s.get(cause, 0.0), "time") for cause in causes]
        rate = text(cost.bandwidth_bytes_per_s, "bytes_per_s")
        table.add_row(cost.exchange.direction, text(cost.seconds, "time"), *parts, rate)
    console = make_console()
    console.print(table)
    for cost in costs:
        sent = ", ".join(f"{text(nbytes, 'bytes')} over {level}" for level, nbytes in cost.sent_bytes.items())
        console.print(f"{cost.exchange.direction}: each chip sends {sent}" if sent else "nothing leaves the chip")
    for warning in warnings:
        console.print(f"warning: {warning}")

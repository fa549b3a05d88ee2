"""``accelsim optics``: budgets, energy, copper against light, wavelengths."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelsim.case.read import read_overrides
from accelsim.cli import checks, optics_array, optics_circuits, output
from accelsim.cli import options as o
from accelsim.cli.groups import grouped
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.hardware.optical import CopperLink, OpticalLink

LengthOption = Annotated[str, typer.Option("--length", help="Length of the link, e.g. 40m.")]
UseOption = Annotated[str, typer.Option("--use", help="Shares of the time that the link is used, e.g. 0.1,0.5,1.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    for name, command in (
        ("budget", budget),
        ("energy", energy),
        ("crossover", crossover),
        ("wavelengths", wavelengths),
        ("policies", optics_circuits.policies),
        ("torus", optics_circuits.torus),
        ("array", optics_array.array),
    ):
        group.command(name=name)(command)
    app.add_typer(group, name="optics", help="Optical links: budget, energy, reach, wavelengths; circuit switches.")


def budget(
    link: Annotated[str, typer.Argument(help="Optical link: a name of hw_configs/optics, or a YAML.")],
    length: LengthOption = "0 m",
    through: Annotated[str, typer.Option("--through", help="Circuit switch (or grating router) on the way.")] = "",
    set_: o.SetOption = None,
    json_: o.JsonOption = None,
) -> None:
    """Power of one wavelength from laser to receiver, term by term in dB; fails when the link does not close.

    --set changes a field of the optics, e.g. --set laser.power="20 mW".
    """
    from accelsim.config.bounds import read_quantity
    from accelsim.hardware.optical import Reach
    from accelsim.hardware.optical.budget import require_closed

    optics, switch = _optical(link, set_), _switch(through)
    length_m = read_quantity(length, "length")
    reach = Reach(length_m, switch.insertion_loss_db, switch.latency_s) if switch else Reach(length_m)
    found = optics.link_budget(reach)
    longest_m = (
        optics.longest_m(reach.switch_loss_db) if optics.link_budget(Reach(0, reach.switch_loss_db)).closes else 0.0
    )
    content: dict[str, Any] = {
        "link": optics.name,
        "length_m": length_m,
        "laser_dbm": found.laser_dbm,
        "losses_db": {loss.name: loss.loss_db for loss in found.losses},
        "received_dbm": found.received_dbm,
        "sensitivity_dbm": found.sensitivity_dbm,
        "margin_db": found.margin_db,
        "slack_db": found.slack_db,
        "closes": found.closes,
        "needed_laser_dbm": found.needed_laser_dbm,
        "longest_m": longest_m,
        "latency_s": optics.latency_s(reach),
    }
    output.write_or_print(content, json_, _print_budget)
    if optics.longest_length_m is None or length_m <= optics.longest_length_m:
        require_closed(found)
    else:
        optics.to_link(reach)


def _print_budget(content: dict[str, Any]) -> None:
    from accelsim.cli.tables import make_console, make_table
    from accelsim.units import format_quantity as text

    table = make_table(f"budget of one wavelength of {content['link']}", ("term", "dB", "power"), ("dB", "power"))
    left = content["laser_dbm"]
    table.add_row("laser", "", f"{left:+.2f} dBm")
    for name, loss in content["losses_db"].items():
        left -= loss
        table.add_row(name, f"-{loss:.2f}", f"{left:+.2f} dBm")
    table.add_row("receiver needs", "", f"{content['sensitivity_dbm']:+.2f} dBm")
    table.add_row("margin", f"-{content['margin_db']:.2f}", "")
    table.add_row("left over", f"{content['slack_db']:+.2f}", "")
    console = make_console()
    console.print(table)
    longest = "at no length" if not content["longest_m"] else f"up to {text(content['longest_m'], 'length')}"
    laser = f"least laser {content['needed_laser_dbm']:+.2f} dBm"
    console.print(f"closes {longest}; {laser}; latency {text(content['latency_s'], 'time')}")


def energy(
    links: Annotated[list[str] | None, typer.Argument(help="Optical links; default: all shipped ones.")] = None,
    use: UseOption = "0.01,0.05,0.1,0.25,0.5,1",
    set_: o.SetOption = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw energy over use into FILE.", callback=checks.picture)
    ] = None,
    json_: o.JsonOption = None,
) -> None:
    """Energy per useful bit against use: lasers, heaters and idle circuits burn whether or not data is sent."""
    shares = _shares(use)
    found = {name: _optical(name, set_) for name in (links or _all_optical())}
    content: dict[str, Any] = {
        "use": shares,
        "links": {
            name: {
                "bandwidth_bytes_per_s": link.bandwidth_bytes_per_s,
                "static_w": link.static_w,
                "dynamic_j_per_bit": link.dynamic_j_per_byte / 8,
                "j_per_useful_bit": [link.energy_per_useful_byte_j(share) / 8 for share in shares],
            }
            for name, link in found.items()
        },
    }
    if plot is not None:
        from accelsim.results.plots.optics import plot_energy
        from accelsim.results.plots.picture import save_picture

        curves = {name: [each * 1e12 for each in one["j_per_useful_bit"]] for name, one in content["links"].items()}
        save_picture(plot_energy(shares, curves), plot)
    output.write_or_print(content, json_, _print_energy)


def _print_energy(content: dict[str, Any]) -> None:
    from accelsim.cli.tables import make_console, make_table
    from accelsim.units import format_quantity as text

    columns = [f"{share:.0%}" for share in content["use"]]
    table = make_table(
        "pJ per useful bit, by use of the link", ("link", "rate", "idle", *columns), ("rate", "idle", *columns)
    )
    for name, one in content["links"].items():
        energies = [f"{each * 1e12:.1f}" for each in one["j_per_useful_bit"]]
        table.add_row(name, text(one["bandwidth_bytes_per_s"], "bytes_per_s"), text(one["static_w"], "watt"), *energies)
    make_console().print(table)


def crossover(
    copper: Annotated[str, typer.Option("--copper", help="Copper link.")] = "copper-1600g",
    optical: Annotated[str, typer.Option("--optical", help="Optical link.")] = "co-packaged-1600g",
    rates: Annotated[str, typer.Option("--rates", help="Rates of a copper lane.")] = "53.125Gb/s,106.25Gb/s,212.5Gb/s",
    use: UseOption = "1",
    json_: o.JsonOption = None,
) -> None:
    """Length from which light needs less energy than copper, or copper ends, by the rate of a lane and the use."""
    from accelsim.hardware.optical.crossover import end_of_copper

    light = _optical(optical, None)
    rows = []
    for rate, share in itertools.product(rates.split(","), _shares(use)):
        one = end_of_copper(_copper(copper, rate.strip()), light, share)
        rows.append(
            {
                "lane_bits_per_s": one.lane_bytes_per_s * 8,
                "use": share,
                "copper_reach_m": one.reach_m,
                "copper_end_m": one.end_m,
                "light_from_m": one.from_m,
                "copper_j_per_bit": one.copper_j_per_byte / 8,
                "light_j_per_bit": one.optical_j_per_byte / 8,
            }
        )
    output.write_or_print({"copper": copper, "optical": optical, "rows": rows}, json_, _print_crossover)


def _print_crossover(content: dict[str, Any]) -> None:
    from accelsim.cli.tables import make_console, make_table

    numbers = ("Gb/s per lane", "use", "copper reach", "with retimers", "light from", "copper pJ/bit", "light pJ/bit")
    table = make_table(f"{content['copper']} against {content['optical']}", numbers, numbers)
    for row in content["rows"]:
        metres = [f"{row[key]:.2f} m" for key in ("copper_reach_m", "copper_end_m", "light_from_m")]
        energies = [f"{row[key] * 1e12:.1f}" for key in ("copper_j_per_bit", "light_j_per_bit")]
        table.add_row(f"{row['lane_bits_per_s'] / 1e9:g}", f"{row['use']:.0%}", *metres, *energies)
    make_console().print(table)


@dataclass(frozen=True)
class Palette:
    """Wavelengths, and how paths get theirs."""

    count: Annotated[int, typer.Option("--count", help="Wavelengths of each path.", min=1)] = 1
    available: Annotated[int | None, typer.Option("--available", help="Wavelengths there are; default: any.")] = None
    strategy: Annotated[str, typer.Option("--strategy", help="Order of the colouring, or best.")] = "best"


@grouped
def wavelengths(
    shape: Annotated[str, typer.Argument(help="Waveguide that the stations share: bus or ring.")],
    stations: Annotated[int, typer.Argument(help="Stations on it.", min=2)],
    traffic: Annotated[
        str, typer.Option("--traffic", help="all_to_all, neighbours, or a CSV of src,dst.")
    ] = "all_to_all",
    palette: Palette = Palette(),
    json_: o.JsonOption = None,
) -> None:
    """Wavelengths that light paths on a shared waveguide need, used again on segments that are apart."""
    from accelsim.network.optical import assign_wavelengths, bus_paths, ring_paths

    pairs = _pairs(traffic, stations)
    if shape == "ring":
        paths = ring_paths(stations, pairs, palette.count)
    elif shape == "bus":
        paths = bus_paths(pairs, palette.count)
    else:
        raise ConfigError(f"optics wavelengths: unknown waveguide {shape!r}. Use bus or ring.")
    found = assign_wavelengths(paths, palette.available, palette.strategy)
    content = {
        "shape": shape,
        "stations": stations,
        "paths": [
            {"src": path.src, "dst": path.dst, "wavelengths": list(own)}
            for path, own in zip(paths, found.wavelengths, strict=True)
        ],
        "used": found.used,
        "lower_bound": found.lower_bound,
        "is_optimal": found.is_optimal,
        "strategy": found.strategy,
    }
    output.write_or_print(content, json_, _print_wavelengths)


def _print_wavelengths(content: dict[str, Any]) -> None:
    from accelsim.cli.render import make_console

    proof = "no assignment needs fewer" if content["is_optimal"] else f"at least {content['lower_bound']} are needed"
    make_console().print(
        f"{len(content['paths'])} paths among {content['stations']} stations of a {content['shape']}: "
        f"{content['used']} wavelengths ({proof}; found by {content['strategy']})"
    )


def _pairs(traffic: str, stations: int) -> list[tuple[int, int]]:
    if traffic == "all_to_all":
        return list(itertools.permutations(range(stations), 2))
    if traffic == "neighbours":
        return [(station, station + 1) for station in range(stations - 1)]
    rows = output.read_numbers(Path(traffic), ("src", "dst"))
    for src, dst in rows:
        if not (0 <= src < stations and 0 <= dst < stations and src != dst):
            raise ConfigError(f"{traffic}: no path {src} -> {dst} among stations 0 to {stations - 1}.")
    return [(src, dst) for src, dst in rows]


def _shares(text: str) -> list[float]:
    """The numbers of ``0.1,0.5,1``.

    Raises:
        ConfigError: One of them is no number above 0 and up to 1.
    """
    found = []
    for item in text.split(","):
        try:
            share = float(item)
        except ValueError:
            share = -1.0
        if not 0 < share <= 1:
            raise ConfigError(f"--use: {item!r} is no share above 0 and up to 1. Write e.g. --use 0.1,0.5,1.")
        found.append(share)
    return found


def _optical(name: str, set_: list[str] | None) -> OpticalLink:
    from accelsim.hardware.optical import OpticalLink, load_optics

    optics = load_optics(name, read_overrides(set_ or ()))
    if not isinstance(optics, OpticalLink):
        raise ConfigError(f"{name} is no optical link. Known: {', '.join(_all_optical())}.")
    return optics


def _copper(name: str, rate: str) -> CopperLink:
    from accelsim.hardware.optical import CopperLink, load_optics

    optics = load_optics(name, [("rate", rate)])
    if not isinstance(optics, CopperLink):
        raise ConfigError(f"{name} is no copper link.")
    return optics


def _switch(name: str) -> Any:
    return optics_circuits.switch_of(name) if name else None


def _all_optical() -> list[str]:
    from accelsim.catalog import Catalog
    from accelsim.hardware.optical import OpticalLink, load_optics

    return [name for name in Catalog().names("optics") if isinstance(load_optics(name), OpticalLink)]

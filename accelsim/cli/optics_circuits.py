"""``accelsim optics policies`` and ``torus``: when to move circuits, and which torus to set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelsim.cli import options as o
from accelsim.cli import output
from accelsim.cli.groups import grouped
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.hardware.optical import OpticalSwitch
    from accelsim.network.optical.policy import Phases

_SHOWN_TORI = 10


@dataclass(frozen=True)
class TrafficFlags:
    """Phases of collectives between the ports: of a file, or shifts."""

    traffic: Annotated[
        Path | None, typer.Option("--traffic", help="CSV of phase,collective,src,dst,bytes[,times], or a saved run.")
    ] = None
    shifts: Annotated[
        str, typer.Option("--shifts", help="Without --traffic: a phase per shift, port to port + shift.")
    ] = "1,4"
    size: Annotated[str, typer.Option("--bytes", help="Without --traffic: message of each port.")] = "64MiB"
    repeat: Annotated[int, typer.Option("--repeat", help="Without --traffic: collectives of a phase.", min=1)] = 4
    ports: Annotated[int, typer.Option("--ports", help="Without --traffic: ports in use.", min=2)] = 16


@grouped
def policies(
    phases_of: TrafficFlags,
    switch: Annotated[str, typer.Option("--switch", help="Circuit switch.")] = "palomar-like-ocs",
    link: Annotated[str, typer.Option("--link", help="Optical link of each port.")] = "cwdm4-bidi",
    length: Annotated[str, typer.Option("--length", help="Length of the links.")] = "40 m",
    degree: Annotated[int, typer.Option("--degree", help="Links of a port, each into a switch of its own.", min=1)] = 1,
    json_: o.JsonOption = None,
) -> None:
    """Circuits that stay, move per phase or per collective: time, cost of moving, and the break-even message size."""
    from accelsim.config.bounds import read_quantity
    from accelsim.hardware.optical.load import link_from_optics
    from accelsim.network.optical import break_even_bytes, compare_policies

    device = switch_of(switch)
    spec = link_from_optics(link, read_quantity(length, "length"), switch)
    phases = _phases(phases_of)
    reports = compare_policies(phases, device, spec, degree)
    hop_bytes_per_s = spec.bandwidth_bytes_per_s
    found = {
        name: {
            "total_s": one.total_s,
            "reconfiguration_s": one.reconfiguration_s,
            "reconfigurations": one.reconfigurations,
        }
        for name, one in reports.items()
    }
    stay = _rate_of_staying(phases, reports["static"].total_s)
    content: dict[str, Any] = {
        "switch": switch,
        "link": link,
        "reconfiguration_s": device.reconfiguration_s,
        "policies": found,
        "best": min(found, key=lambda name: found[name]["total_s"]),
        "stay_bytes_per_s": stay,
        "move_bytes_per_s": hop_bytes_per_s * degree,
        "break_even_bytes": break_even_bytes(
            min(stay, hop_bytes_per_s * degree), hop_bytes_per_s * degree, device.reconfiguration_s
        ).nbytes,
    }
    output.write_or_print(content, json_, _print_policies)


def _phases(flags: TrafficFlags) -> Phases:
    from accelsim.config.bounds import read_quantity

    if flags.traffic is not None:
        return _read_phases(flags.traffic)
    return _shifted(flags.shifts, round(read_quantity(flags.size, "bytes")), flags.ports, flags.repeat)


def _rate_of_staying(phases: Phases, total_s: float) -> float:
    """Bytes per second of the busiest port on circuits that stay."""
    moved = sum(int(matrix.sum(axis=1).max()) for phase in phases for matrix in phase)
    return moved / total_s if total_s else float("inf")


def _print_policies(content: dict[str, Any]) -> None:
    from accelsim.cli.tables import make_console, make_table
    from accelsim.units import format_quantity as text

    numbers = ("time", "of it moving", "times moved")
    title = f"{content['switch']}, set in {text(content['reconfiguration_s'], 'time')}, over {content['link']}"
    table = make_table(title, ("policy", *numbers), numbers)
    for name, one in content["policies"].items():
        table.add_row(
            name, text(one["total_s"], "time"), text(one["reconfiguration_s"], "time"), str(one["reconfigurations"])
        )
    console = make_console()
    console.print(table)
    size = content["break_even_bytes"]
    if size == float("inf"):
        console.print("circuits that stay carry this traffic as fast as circuits of its own: moving never pays")
        return
    rates = [text(content[key], "bytes_per_s") for key in ("stay_bytes_per_s", "move_bytes_per_s")]
    console.print(
        f"best: {content['best']}; moving pays from {text(float(round(size)), 'bytes')} of a port between two settings "
        f"on ({rates[0]} when circuits stay, {rates[1]} on its own)"
    )


@dataclass(frozen=True)
class Tori:
    """Which shapes are tried."""

    block: Annotated[int, typer.Option("--block", help="Extent of a block that is wired electrically.", min=1)] = 4
    longest: Annotated[int, typer.Option("--longest", help="Longest dimension.", min=1)] = 16
    twisted: Annotated[bool, typer.Option("--twisted/--regular", help="Whether to try twists.")] = True


@grouped
def torus(
    chips: Annotated[int, typer.Argument(help="Chips of the slice, a multiple of 64.", min=1)],
    traffic: Annotated[
        Path | None, typer.Option("--traffic", help="CSV of src,dst,bytes; default: all to all.")
    ] = None,
    rate: Annotated[str, typer.Option("--rate", help="Bandwidth of a link, per direction.")] = "50 GB/s",
    tried: Tori = Tori(),
    json_: o.JsonOption = None,
) -> None:
    """Shapes and twists that circuit switches between blocks can set, best first for the traffic."""
    from accelsim.config.bounds import read_quantity
    from accelsim.network.optical import rank_tori

    matrix = None if traffic is None else _matrix(output.read_numbers(traffic, ("src", "dst", "bytes")), chips, traffic)
    floats = None if matrix is None else matrix.astype("float64")
    ranked = rank_tori(chips, read_quantity(rate, "bytes_per_s"), floats, tried.block, tried.longest, tried.twisted)
    content = {
        "chips": chips,
        "tori": [
            {
                "shape": "x".join(map(str, one.torus.shape)),
                "twist": [list(row) for row in one.torus.twist] if one.torus.is_twisted else None,
                "busiest_link_s": one.busiest_s,
                "mean_hops": one.mean_hops,
            }
            for one in ranked
        ],
    }
    output.write_or_print(content, json_, _print_tori)


def _print_tori(content: dict[str, Any]) -> None:
    from accelsim.cli.tables import make_console, make_table
    from accelsim.units import format_quantity as text

    numbers = ("busiest link", "against the best", "mean hops")
    table = make_table(f"tori of {content['chips']} chips, best first", ("shape", "twist", *numbers), numbers)
    best = content["tori"][0]["busiest_link_s"] or 1.0
    for one in content["tori"][:_SHOWN_TORI]:
        twist = "none" if one["twist"] is None else " ".join(",".join(map(str, row)) for row in one["twist"])
        share = f"{one['busiest_link_s'] / best:.3f}"
        table.add_row(one["shape"], twist, text(one["busiest_link_s"], "time"), share, f"{one['mean_hops']:.3f}")
    console = make_console()
    console.print(table)
    if len(content["tori"]) > _SHOWN_TORI:
        console.print(f"and {len(content['tori']) - _SHOWN_TORI} more; --json - shows all")


def switch_of(name: str) -> OpticalSwitch:
    """The circuit switch of that name.

    Raises:
        ConfigError: It is something else.
    """
    from accelsim.catalog import Catalog
    from accelsim.hardware.optical import OpticalSwitch, load_optics

    found = load_optics(name)
    if not isinstance(found, OpticalSwitch):
        known = [other for other in Catalog().names("optics") if isinstance(load_optics(other), OpticalSwitch)]
        raise ConfigError(f"{name} is no circuit switch. Known: {', '.join(known)}.")
    return found


def _shifted(shifts: str, nbytes: int, ports: int, repeat: int) -> Phases:
    import numpy as np

    phases = []
    for item in shifts.split(","):
        if not item.strip().isdigit() or not 0 < int(item) < ports:
            raise ConfigError(f"--shifts: {item!r} is no whole number from 1 to {ports - 1}. Write e.g. --shifts 1,4.")
        matrix = np.zeros((ports, ports), dtype=np.int64)
        matrix[np.arange(ports), (np.arange(ports) + int(item)) % ports] = nbytes
        phases.append([matrix] * repeat)
    return phases


def _read_phases(path: Path) -> Phases:
    """The phases of a CSV, or of a folder that ``accelsim run --save`` has written."""
    import numpy as np

    columns = ("phase", "collective", "src", "dst", "bytes")
    rows = _saved_rows(path, columns) if path.is_dir() else output.read_numbers(path, columns, {"times": 1})
    ports = 1 + max(max(row[2], row[3]) for row in rows)
    found: dict[int, dict[int, Any]] = {}
    times: dict[int, int] = {}
    for phase, collective, src, dst, nbytes, repeat in rows:
        matrix = found.setdefault(phase, {}).setdefault(collective, np.zeros((ports, ports), dtype=np.int64))
        matrix[src, dst] += nbytes
        times[phase] = repeat
    return [
        [found[phase][each] for each in sorted(found[phase])] for phase in sorted(found) for _ in range(times[phase])
    ]


def _saved_rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, ...]]:
    """What the chips of a saved run send each other.

    Raises:
        ConfigError: The folder holds no run, or one in which chips send nothing.
    """
    from accelsim.results.saved import load_result

    table = load_result(path).table("between_chips")
    if table.empty:
        raise ConfigError(f"{path}: the chips of this run send each other nothing. Save one on several chips.")
    return [tuple(int(cell) for cell in row) for row in table[[*columns, "times"]].itertuples(index=False)]


def _matrix(rows: list[tuple[int, ...]], chips: int, path: Path) -> Any:
    import numpy as np

    matrix = np.zeros((chips, chips), dtype=np.int64)
    for src, dst, nbytes in rows:
        if src >= chips or dst >= chips:
            raise ConfigError(f"{path}: no pair {src} -> {dst} among chips 0 to {chips - 1}.")
        matrix[src, dst] += nbytes
    return matrix

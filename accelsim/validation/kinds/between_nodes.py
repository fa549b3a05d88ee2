"""Suites whose rows are collectives between nodes as nccl-tests prints them, on clusters that nobody described twice.

A row names its system, the chips of a node, the nodes, and the ports of a node (``8x400 (IB)``: ports times Gb/s); the
system of ours with that chip and fabric (``data/clusters.yaml``) is cut to them. A forced algorithm is priced as that
algorithm and reported under its name, everything else by the library's own choice. ``send_recv`` is the ring of all
ranks that nccl-tests plays: the one send that leaves a node sets its time, over as many channels as so many ranks have.

Left out, each with a note: rows without a size; rows whose ports are not stated (no wire to price); rows that their own
note calls doubtful, a cold start, or a range. Chips and fabrics that no system describes have no prediction either.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import as_file, files
from typing import Literal

import numpy as np
from pydantic import Field

from accelsim.config.loader import load_document, validate
from accelsim.config.schema import Spec
from accelsim.cost.call import AUTO, Call
from accelsim.errors import AccelsimError, ConfigError
from accelsim.hardware.system import System
from accelsim.network.calibrate_fabric import MeasuredCall
from accelsim.network.channels import send_channels
from accelsim.network.collective import collective_steps
from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.kinds._translate import LeftOut
from accelsim.validation.kinds.base import SuiteKind, register_suite_kind
from accelsim.validation.machines import Machines
from accelsim.validation.predict import Note
from accelsim.validation.table import Table

_NEEDED = ("system", "gpus_per_node", "nodes", "nic_count_x_gbit_s_per_node", "op", "message_bytes", "time_us")
_PORTS = re.compile(r"(\d+)x(\d+)")


class Cluster(Spec):
    """How a table's words mean a system of ours."""

    words: tuple[str, ...] = Field(description="Words that the cells of system and ports must hold, all of them.")
    system: str = Field(description="Name of the system.")


class Label(Spec):
    """What a forced algorithm is called here."""

    starts: str = Field(description="How the cell starts.")
    algorithm: str = Field(AUTO, description="Our algorithm; default: the library's choice.")
    library: str = Field("", description="Further library of the level between nodes.")
    ops: tuple[str, ...] = Field((), description="Collectives that the label stands for; default: all.")


class ClusterTable(Spec):
    """The packaged words of tables of collectives."""

    schema_version: Literal[1]
    kind: Literal["clusters"]
    clusters: tuple[Cluster, ...] = Field(description="The first whose words all occur counts.")
    algorithms: tuple[Label, ...] = Field(description="Forced algorithms.")
    unfit: Mapping[str, str] = Field(description="Why rows are left out whose quality or note has these words.")


@cache
def cluster_table() -> ClusterTable:
    """The packaged table."""
    with as_file(files("accelsim.validation") / "data" / "clusters.yaml") as path:
        return validate(load_document(path), ClusterTable).spec


@dataclass(frozen=True, slots=True)
class _Row:
    """One call as the table states it."""

    system: str
    chips: int
    nodes: int
    ports: str
    op: str
    label: Label
    nbytes: int
    time_s: float

    @property
    def ranks(self) -> int:
        return self.chips * self.nodes


@register_suite_kind("between_nodes")
class BetweenNodes(SuiteKind):
    """Seconds of collectives between nodes."""

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`."""
        every = np.arange(len(table))
        seconds = np.full(len(table), np.nan)
        left_out: Counter[tuple[str, str]] = Counter()
        for row, one in enumerate(measured_calls(table, machines)):
            if isinstance(one, LeftOut):
                left_out[table.text("system")[row], one.why] += 1
            else:
                seconds[row] = collective_steps(one.call, one.system, one.stride).work_s
        notes = tuple(Note(system, "", "", count, True, why) for (system, why), count in left_out.items())
        labels = list(zip(table.text("system"), _ops(table), table.text("dtype"), strict=True))
        sizes, times = table.numbers("message_bytes", every), table.numbers("time_us", every)
        return MeasuredComparison(suite, labels, sizes, seconds, times * 1e-6, notes)


def measured_calls(table: Table, machines: Machines) -> list[MeasuredCall | LeftOut]:
    """Each row as a call on its machine, or why it is left out; for a comparison, or a fit of a fabric.

    Args:
        table: In the columns of the suite.
        machines: Systems by name.

    Raises:
        ConfigError: A column is missing.
    """
    table.require(_NEEDED)
    names = list(table.columns)
    rows = zip(*(table.columns[name] for name in names), strict=True)
    return [_measured({n: cell.strip() for n, cell in zip(names, row, strict=True)}, machines) for row in rows]


def _ops(table: Table) -> list[str]:
    """The collective of each row, with the algorithm that was forced."""
    cells = list(zip(table.text("op"), table.text("algorithm"), strict=True))
    labels = [_label(algorithm.strip(), op) for op, algorithm in cells]
    forced = [label.algorithm != AUTO or bool(label.library) for label in labels]
    return [
        f"{op}/{label.starts}" if is_forced else op
        for (op, _), label, is_forced in zip(cells, labels, forced, strict=True)
    ]


def _measured(cells: Mapping[str, str], machines: Machines) -> MeasuredCall | LeftOut:
    why = _unfit(cells)
    if why:
        return LeftOut(why)
    label = _label(cells.get("algorithm", ""), cells["op"])
    try:
        chips, nodes, nbytes = (int(cells[name]) for name in ("gpus_per_node", "nodes", "message_bytes"))
        time_s = float(cells["time_us"]) * 1e-6
    except ValueError:
        return LeftOut("a size, a time or a number of chips is blank or no number")
    row = _Row(cells["system"], chips, nodes, cells[_NEEDED[3]], cells["op"], label, nbytes, time_s)
    try:
        call = _call(row, machines)
        collective_steps(call.call, call.system, call.stride)
    except AccelsimError as error:
        return LeftOut(str(error))
    return call


def _unfit(cells: Mapping[str, str]) -> str:
    """Why a row is no measurement of a call that can be priced; blank where it is one."""
    if "unknown" in cells["nic_count_x_gbit_s_per_node"]:
        return "the ports of a node are not stated"
    text = f"{cells.get('quality', '')} {cells.get('note', '')}"
    return next((why for words, why in cluster_table().unfit.items() if words in text), "")


def _label(cell: str, op: str) -> Label:
    known = (one for one in cluster_table().algorithms if cell.startswith(one.starts))
    return next((one for one in known if not one.ops or op in one.ops), Label(starts="default"))


def _call(row: _Row, machines: Machines) -> MeasuredCall:
    system = _machine(row, machines)
    if row.op == "send_recv":
        channels = send_channels(row.ranks, row.chips)
        return MeasuredCall(Call(row.op, row.nbytes, 2, channels=channels), system, row.time_s, row.chips)
    call = Call(row.op, row.nbytes, row.ranks, row.label.algorithm, row.label.library)
    return MeasuredCall(call, system, row.time_s)


def _machine(row: _Row, machines: Machines) -> System:
    """The system of the row's words, with its chips in use and its ports.

    Raises:
        ConfigError: No system has the chip and the fabric, or it cannot be that large.
    """
    text = f"{row.system} {row.ports}"
    name = _first(one.system for one in cluster_table().clusters if all(word in text for word in one.words))
    ports = _PORTS.match(row.ports)
    if name is None or (ports is None and "no NIC" not in row.ports):
        raise ConfigError("no system of that chip and fabric is described")
    if ports is None:
        return machines.system(name, row.ranks)
    count, rate = int(ports[1]), int(ports[2]) * 1e9 / 8
    count = 1 if "one used" in row.ports else count
    return _with_ports(machines.system(name, row.ranks, row.chips), row.chips, count, rate)


def _with_ports(system: System, chips: int, count: int, port_bytes_per_s: float) -> System:
    """The system with so many ports per node at its outermost level; several of one chip count as one."""
    name, level = list(system.levels.items())[-1]
    each = port_bytes_per_s * max(count, chips) / chips if count >= chips else port_bytes_per_s
    link = level.link.model_copy(update={"bandwidth_bytes_per_s": each})
    shared = None if count >= chips else count
    spec = level.spec.model_copy(update={"link": link, "ports_per_group": shared})
    return replace(system, levels={**system.levels, name: replace(level, spec=spec)})


def _first(names: Iterable[str]) -> str | None:
    return next(iter(names), None)

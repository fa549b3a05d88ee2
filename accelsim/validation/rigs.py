"""How measured tables were taken: the rig behind each ``timing``, and hardware names that differ from ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from typing import Literal

from pydantic import Field

from accelsim.config.bounds import Amount, Count
from accelsim.config.loader import load_document, validate
from accelsim.config.quantity import Seconds
from accelsim.config.schema import Spec
from accelsim.cost.measured import Rig


class RigSpec(Spec):
    """What lies inside a measured time beside the kernels of the operator."""

    has_launch: bool = Field(True, description="Whether the launch of the kernel on the device lies inside.")
    overhead_s: Seconds = Field(0.0, description="Time of host and framework inside every row.")
    weight_copies: Count = Field(1, description="Different weights used in turn.")
    appends_kv: bool = Field(False, description="Whether attention rows also write new keys and values to the cache.")
    quantizes: bool = Field(False, description="Whether 8-bit products quantise their activations first.")
    library: str = Field("", description="Communication library behind a collective; blank is the system's own.")
    call_s: Seconds = Field(0.0, description="Time of the host per call of an eager framework, beside the device.")
    rounds_s: Seconds = Field(0.0, description="What the source rounds its times to.")
    hosts: Mapping[str, Amount] = Field(
        default_factory=dict, description="Host time of single machines over `overhead`, by the hardware in them."
    )

    def rig(self, hardware: str = "") -> Rig:
        """The value the pricing functions take."""
        return Rig(
            weight_copies=self.weight_copies,
            has_launch=self.has_launch,
            appends_kv=self.appends_kv,
            overhead_s=self.overhead_s * self.hosts.get(hardware, 1.0),
            quantizes=self.quantizes,
            library=self.library,
            call_s=self.call_s * self.hosts.get(hardware, 1.0),
            rounds_s=self.rounds_s,
        )


class TimingSpec(RigSpec):
    """One value of the ``timing`` column."""

    meaning: str = Field(description="What the clock saw.")
    source: str = Field("", description="Where the numbers come from.")
    by_op: Mapping[str, RigSpec] = Field(default_factory=dict, description="What differs for single operators.")

    def rig_of(self, op: str, hardware: str = "") -> Rig:
        """The rig of rows of ``op`` on ``hardware``.

        Args:
            op: Operator of the rows, some of which are timed in a way of their own.
            hardware: Tells hosts of one source apart; empty: the usual host.
        """
        # variants of an operator are timed as it is: gemm_trtllm as gemm
        special = self.by_op.get(op) or self.by_op.get(op.partition("_")[0])
        if special is None:
            return self.rig(hardware)
        stated = {name: getattr(special, name) for name in special.model_fields_set}
        return self.model_copy(update=stated).rig(hardware)


class RigTable(Spec):
    """The packaged table of rigs."""

    schema_version: Literal[1]
    kind: Literal["rigs"]
    timings: Mapping[str, TimingSpec] = Field(description="Rigs by the value of the timing column.")
    hardware: Mapping[str, str] = Field(description="Our name of hardware that tables call otherwise.")


@dataclass(frozen=True, slots=True)
class ChosenRig:
    """The rig of a group of rows, and a text when the table does not say which one it is."""

    rig: Rig
    note: str = ""


@cache
def rig_table() -> RigTable:
    """The packaged table."""
    with as_file(files("accelsim.validation") / "data" / "rigs.yaml") as path:
        return validate(load_document(path), RigTable).spec


def rig_of(timing: str, op: str, hardware: str = "") -> ChosenRig:
    """How rows of ``op`` with this ``timing`` were measured; ``hardware`` tells hosts of one source apart.

    A blank or unknown timing counts as a kernel of a captured graph, its launch inside and nothing of the host; an
    unknown one gets a note.

    Args:
        timing: How the table says that it was timed, e.g. ``"host_wall_sync"``; empty: it does not say.
        op: Operator of the rows, some of which are timed in a way of their own.
        hardware: Tells hosts of one source apart; empty: the usual host.
    """
    known = rig_table().timings
    if timing in known:
        return ChosenRig(known[timing].rig_of(op, hardware))
    if not timing:
        return ChosenRig(Rig())
    return ChosenRig(
        Rig(),
        f"timing {timing!r} is unknown; priced as a kernel with its launch and without host time. "
        f"Known: {', '.join(known)}.",
    )


def our_name(hardware: str) -> str:
    """Our name of what a table calls ``hardware``."""
    return rig_table().hardware.get(hardware, hardware)

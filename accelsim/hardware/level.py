"""Levels of a system: how chips (or groups of chips) are joined, as described and as cut to the chips in use."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import Field, field_validator, model_validator

from accelsim.config.bounds import MAX_COUNT, MAX_ERROR, Count, CountOrNone, Whole
from accelsim.config.quantity import Bytes, BytesPerS, Fraction, Seconds
from accelsim.config.schema import Spec
from accelsim.hardware.expert_kernel import ExpertKernelSpec
from accelsim.hardware.link import LinkSpec

#: Most dimensions of a torus or mesh.
MAX_DIMENSIONS = 8
#: What the collectives of a level themselves are called where engines bring further libraries.
OWN_LIBRARY = "nccl"
#: The library that stands for whichever of a level's is the fastest.
FASTEST_LIBRARY = "auto"


class ProtocolSpec(Spec):
    """One way a communication library moves the chunks of a collective over a level.

    A call takes ``launch``, a step that moves ``b`` bytes over a link ``link.latency + step_latency + b / (efficiency x
    bandwidth)``. Libraries have several (NCCL: LL, LL128, Simple), trading latency against bandwidth.
    """

    launch_s: Seconds = Field(0.0, description="Time of one call beside that of the library, e.g. its handshakes.")
    step_latency_s: Seconds = Field(0.0, description="Software time of one step, beside the latency of the link.")
    efficiency: Fraction = Field(1.0, gt=0, description="Share of the link bandwidth that payload reaches.")
    max_step_bytes: Bytes | None = Field(None, gt=0, description="Largest step the library uses it for.")
    min_step_bytes: Bytes | None = Field(None, gt=0, description="Smallest step the library uses it for.")
    max_call_bytes: Bytes | None = Field(None, gt=0, description="Largest call the library uses it for.")
    chunk_bytes: Bytes | None = Field(
        None, gt=0, description="Largest piece that a channel passes on as one; default: filling a pipeline is free."
    )
    peer_latency_s: Seconds = Field(
        0.0,
        description="Time of an all_to_all for each rank in other groups, e.g. of the thread that posts its messages.",
    )


class ChannelSpec(Spec):
    """How a library divides a call between groups of chips over channels, as NCCL does.

    A channel is a block of the kernel with connections of its own. A group of chips opens one for each
    ``port_bandwidth`` of its ports, ``most`` at the most; a send between two ranks gets a few, fewer the more ranks
    there are
    (:mod:`accelsim.network.channels`). Not modelled: channels that are opened for sizes, or by hand.
    """

    port_bandwidth_bytes_per_s: BytesPerS = Field(
        12.5e9, gt=0, description="Bandwidth of a group's ports for which one channel is opened."
    )
    most: Count = Field(16, description="Most channels.")
    tree_bandwidth_bytes_per_s: BytesPerS | None = Field(
        None, gt=0, description="What one channel of a tree reads and writes of buffers; default: no limit."
    )
    send_bandwidth_bytes_per_s: BytesPerS | None = Field(
        None, gt=0, description="What one channel of a send between two ranks carries; default: no limit."
    )


class AlgorithmSpec(Spec):
    """One algorithm of a communication library, with what differs for it from the rest of the library."""

    kinds: tuple[str, ...] = Field((), description="Collectives the library uses it for; default: all it can do.")
    launch_s: Seconds | None = Field(None, description="Time of one call; default: the library's.")
    copy_bandwidth_bytes_per_s: BytesPerS | None = Field(
        None, gt=0, description="Rate of the pass over the rank's own chunk; default: the library's."
    )
    protocols: dict[str, ProtocolSpec] = Field(
        default_factory=dict, description="Protocols it has; default: the library's."
    )
    across: str | None = Field(
        None, description="How in_network goes on between groups: double_binary_tree; default: in the switches there."
    )
    inner_efficiency: Fraction | None = Field(
        None,
        gt=0,
        description="Share that payload reaches of links inside a group; default: the inner level's best.",
    )


class CollectiveSpec(Spec):
    """Calibration of collectives on one level: few, physical, the same for every size and group.

    Attributes are fitted together on measured collectives; see the file for data and error.
    """

    launch_s: Seconds = Field(0.0, description="Time of one call that is there whatever the size or group.")
    protocols: dict[str, ProtocolSpec] = Field(
        default_factory=dict, description="Protocols of the library; the fastest for a call is used."
    )
    copy_bandwidth_bytes_per_s: BytesPerS | None = Field(
        None, gt=0, description="Rate at which a rank passes its own chunk through its memory, beside the steps."
    )
    algorithms: dict[str, AlgorithmSpec] = Field(
        default_factory=dict,
        description="Algorithms the library has, or NAME/COLLECTIVE for one; default: all that suit the topology.",
    )
    channels: ChannelSpec | None = Field(
        None, description="Channels between groups of chips; default: no limits, and steps that do not overlap."
    )
    measured: dict[str, tuple[Whole, Whole]] = Field(
        default_factory=dict, description="Smallest and largest bytes and ranks of the measured calls."
    )
    p90: float | None = Field(
        None,
        ge=0,
        le=MAX_ERROR,
        description="90th percentile of the relative errors on the measured calls; none: not measured.",
    )
    is_automatic: bool = Field(
        True, description="Of a further library: whether the choice of the fastest one (auto) may take it."
    )
    falls_back: bool = Field(
        False, description="Of a further library: whether it leaves calls to the level's collectives where faster."
    )


class LinkFault(Spec):
    """One direction of one link that is dead or slow.

    Nodes are numbered as in the topology: members in use first, then switches (the switch of 8 members is node 8). A
    fault of a level whose members are groups is one of every chip of the group.
    """

    src: CountOrNone = Field(description="Node the link leaves.")
    dst: CountOrNone = Field(description="Node the link enters.")
    capacity_fraction: Fraction = Field(0.0, description="Share of the bandwidth that is left; 0 is dead.")


class Level(Spec):
    """One level of a system as described: ``size`` members joined by a topology of equal links.

    The members of the innermost level are chips, those of every other level are whole groups of the level inside it.
    Not modelled: unequal links within a level, oversubscription of a switch.
    """

    topology: str = Field(min_length=1, description="Member of the topology registry: switch, torus, ring, mesh ...")
    size: Count | tuple[Count, ...] = Field(
        description="Most members; a list gives one extent per dimension of a torus or mesh."
    )
    options: dict[str, Whole | str | tuple[str, ...]] = Field(
        default_factory=dict,
        description="Options of the topology, e.g. uplinks and seed of a fat tree, links of a graph.",
    )
    link: LinkSpec = Field(description="Link per chip and direction: its port on a switch, each link elsewhere.")
    extents: tuple[Count, ...] | None = Field(
        None, description="Extents a slice may have in each dimension; default: every one up to the size."
    )
    block: Count = Field(
        1, description="Slices with an extent above it consist of whole blocks: every extent is a multiple of it."
    )
    wrap_multiple: Count | None = Field(
        None, description="Extents that are its multiples have wraparound links; default: only full ones."
    )
    collectives: CollectiveSpec = Field(
        default_factory=CollectiveSpec, description="Calibration of collectives over this level."
    )
    libraries: dict[str, CollectiveSpec] = Field(
        default_factory=dict, description="Further communication libraries, to be asked for by name."
    )
    expert_kernels: dict[str, ExpertKernelSpec] = Field(
        default_factory=dict, description="Kernels that exchange tokens between experts: low_latency, normal."
    )
    ports_per_group: Count | None = Field(
        None, description="Ports that the chips of a group inside share towards this level; default: one per chip."
    )
    full_load: Fraction = Field(
        1.0,
        gt=0,
        description="Share of a port left to few long flows where all ports of over two groups send: routes collide.",
    )
    circuits: Literal["fixed", "moved"] = Field(
        "fixed",
        description="Whether the circuit switch that its links go through is set anew for each collective whose "
        "circuits differ from those there are.",
    )
    faults: tuple[LinkFault, ...] = Field((), description="Dead and slow links; routes go around dead ones.")

    @field_validator("size", mode="after")
    @classmethod
    def _some_dimension(cls, size: int | tuple[int, ...]) -> int | tuple[int, ...]:
        if size == ():
            raise ValueError("is an empty list. Write a number of members, or one extent per dimension.")
        if isinstance(size, tuple) and len(size) > MAX_DIMENSIONS:
            raise ValueError(f"has {len(size)} dimensions; at most {MAX_DIMENSIONS} are modelled.")
        if isinstance(size, tuple) and math.prod(size) > MAX_COUNT:
            raise ValueError(f"has {math.prod(size)} members; at most {MAX_COUNT} are modelled.")
        return size

    @model_validator(mode="after")
    def _some_extent_fits(self) -> Level:
        for dimension, full in enumerate(self.full_shape):
            if self.extents is not None and not self.extents_of(dimension):
                raise ValueError(f"extents: none is at most {full}, the size in dimension {dimension}.")
        return self

    @model_validator(mode="after")
    def _has_circuits_to_move(self) -> Level:
        if self.circuits == "moved" and not self.link.reconfiguration_s:
            raise ValueError("circuits: moved, but no circuit switch is on the way. Add link.optical and link.through.")
        return self

    @property
    def full_shape(self) -> tuple[int, ...]:
        """Most members per dimension."""
        return self.size if isinstance(self.size, tuple) else (self.size,)

    @property
    def max_members(self) -> int:
        """Most members."""
        return math.prod(self.full_shape)

    def extents_of(self, dimension: int) -> Sequence[int]:
        """Extents a slice may have in one dimension."""
        full = self.full_shape[dimension]
        return range(1, full + 1) if self.extents is None else [n for n in self.extents if n <= full]

    def is_slice(self, shape: tuple[int, ...]) -> bool:
        """Whether ``shape`` can be cut from the level."""
        if len(shape) != len(self.full_shape):
            return False
        return all(self._is_extent(d, extent) for d, extent in enumerate(shape)) and self._is_of_blocks(shape)

    def _is_extent(self, dimension: int, extent: int) -> bool:
        """Whether ``extent`` is one of :meth:`extents_of`, without listing them: there may be thousands."""
        if not 1 <= extent <= self.full_shape[dimension]:
            return False
        return self.extents is None or extent in self.extents

    def _is_of_blocks(self, shape: tuple[int, ...]) -> bool:
        return max(shape) <= self.block or all(extent % self.block == 0 for extent in shape)

    def slices(self) -> Iterator[tuple[int, ...]]:
        """Every shape that can be cut from the level."""
        axes = [self.extents_of(d) for d in range(len(self.full_shape))]
        return (shape for shape in itertools.product(*axes) if self._is_of_blocks(shape))

    def slice_of(self, members: int) -> tuple[int, ...] | None:
        """The most cubic slice of ``members``: smallest sum of extents, rising, ones last; None if there is none.

        The order is that of published TPU slices: 2x2x1, 2x2x2, 4x4x8.
        """
        divisors = [[n for n in self.extents_of(d) if members % n == 0] for d in range(len(self.full_shape))]
        fitting = [s for s in itertools.product(*divisors) if math.prod(s) == members and self._is_of_blocks(s)]
        if not fitting:
            return None
        return min(fitting, key=lambda shape: (sum(shape), [n == 1 for n in shape], shape))

    def wraps(self, shape: tuple[int, ...]) -> tuple[bool, ...]:
        """For each dimension of a slice, whether its ends are joined."""
        if self.wrap_multiple is None:
            return tuple(n == full for n, full in zip(shape, self.full_shape, strict=True))
        return tuple(n % self.wrap_multiple == 0 for n in shape)


@dataclass(frozen=True)
class SystemLevel:
    """A level cut to the chips in use.

    Attributes:
        name: Key in the system's file, e.g. ``nvlink``.
        spec: The level as described.
        shape: Members in use per dimension.
        wrap: For each dimension, whether its ends are joined (a torus's; a switch has none).
    """

    name: str
    spec: Level
    shape: tuple[int, ...]
    wrap: tuple[bool, ...]

    @property
    def size(self) -> int:
        """Members in use."""
        return math.prod(self.shape)

    @property
    def topology(self) -> str:
        """Member of the topology registry."""
        return self.spec.topology

    @property
    def link(self) -> LinkSpec:
        """Link per chip and direction."""
        return self.spec.link

    @property
    def setting_s(self) -> float:
        """Time in which circuits are set between collectives that need others; 0 where they are fixed."""
        return self.link.reconfiguration_s if self.spec.circuits == "moved" else 0.0

    @property
    def collectives(self) -> CollectiveSpec:
        """Calibration of collectives over this level."""
        return self.spec.collectives

    def with_link(self, link: LinkSpec) -> SystemLevel:
        """This level with other links."""
        return replace(self, spec=self.spec.model_copy(update={"link": link}))

    def __str__(self) -> str:
        return f"{self.name}: {self.topology} {'x'.join(map(str, self.shape))}"


@dataclass(frozen=True)
class GroupLevel:
    """What a group of ranks uses of one level.

    Attributes:
        level: The level.
        members: Members of it that hold ranks of the group, > 1.
        stride: Distance between neighbouring ones, in members.
        is_full: Whether the group, with the groups between its ranks, uses every chip of a member.
    """

    level: SystemLevel
    members: int
    stride: int
    is_full: bool = True

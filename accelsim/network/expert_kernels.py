"""What the exchange of tokens between the chips that hold a model's experts takes: dispatch and combine.

The model follows the kernels of DeepEP. Each chip has ``tokens`` of ``hidden`` elements, each of which goes to ``topk``
of ``num_experts`` experts, spread evenly over ``ranks`` chips::

    low latency   one message per token and expert, straight to its chip, over one kind of link
    normal        one message per token and group (node) that holds an expert of it, passed on inside the group

Messages to a chip's own experts load no link. A kernel runs a whole number of experts per core: with fewer experts than
cores only so many cores work, and each takes its share of the tokens in turn::

    used cores = ceil(experts / ceil(experts / cores)),    tokens per core = ceil(tokens / used cores)

Routing is taken to be even and independent, so a token reaches ``n (1 - (1 - 1/n)^topk)`` of n chips. Not modelled:
uneven routing, the share of cores given to a normal kernel, overlap with the experts' work.

Source:
    deepseek-ai/DeepEP, ``csrc/kernels/internode_ll.cu`` (warp groups, messages), ``tests/test_internode.py`` (bytes).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from accelsim.errors import ConfigError
from accelsim.hardware.expert_kernel import ExchangeSpec, ExpertKernelSpec
from accelsim.hardware.level import GroupLevel, SystemLevel
from accelsim.hardware.system import System
from accelsim.network.collectives.base import get_algorithm
from accelsim.network.spread import require, spread
from accelsim.registry import did_you_mean
from accelsim.warning import warn

FloatArray = npt.NDArray[np.float64]

DISPATCH, COMBINE = "dispatch", "combine"
LOW_LATENCY = "low_latency"
#: Elements that share one scale of four bytes in a dispatched token, and bytes of a message beside the token.
_SCALE_GROUP, _SCALE_BYTES, _HEADER_BYTES = 128, 4, 16


@dataclass(frozen=True, slots=True)
class ExpertExchange:
    """One exchange.

    Attributes:
        direction: ``dispatch`` or ``combine``.
        tokens: Tokens of each chip.
        hidden: Elements of a token.
        topk: Experts of each token.
        num_experts: Experts of the model, on all chips together.
        ranks: Chips that hold them.
        topk_groups: Most groups (nodes) a token may go to; 0 for no limit.
        dispatch_bytes: Bytes of an element on its way out: 1 (fp8, with a scale per 128 elements) or 2 (bf16).

    Raises:
        ConfigError: A number that is not positive, more experts per token than there are, or experts that the chips
            do not divide.
    """

    direction: str
    tokens: int
    hidden: int
    topk: int
    num_experts: int
    ranks: int
    topk_groups: int = 0
    dispatch_bytes: float = 1.0

    def __post_init__(self) -> None:
        if self.direction not in (DISPATCH, COMBINE):
            raise ConfigError(f"exchange: unknown direction {self.direction!r}. Use {DISPATCH} or {COMBINE}.")
        for name in ("tokens", "hidden", "topk", "num_experts", "ranks"):
            if getattr(self, name) < 1:
                raise ConfigError(f"exchange: {name} must be 1 or more, got {getattr(self, name)}.")
        if self.topk_groups < 0:
            raise ConfigError(f"exchange: topk_groups must be 0 (no limit) or more, got {self.topk_groups}.")
        if self.topk > self.num_experts:
            raise ConfigError(f"exchange: topk {self.topk} of {self.num_experts} experts. Use at most as many.")
        if self.num_experts % self.ranks:
            copies = -(-self.num_experts // self.ranks) * self.ranks
            raise ConfigError(
                f"exchange: {self.num_experts} experts cannot be spread evenly over {self.ranks} chips. Use a number "
                f"of chips that divides them, or {copies} experts, some of them twice."
            )

    @property
    def message_bytes(self) -> int:
        """Bytes of one token on a link: out as ``dispatch_bytes`` say with a header, bf16 back."""
        if self.direction == COMBINE:
            return 2 * self.hidden
        if self.dispatch_bytes > 1.0:
            return math.ceil(self.dispatch_bytes * self.hidden) + _HEADER_BYTES
        return self.hidden + -(-self.hidden // _SCALE_GROUP) * _SCALE_BYTES + _HEADER_BYTES


@dataclass(frozen=True)
class ExchangeCost:
    """Time of one exchange on an idle network, seen by one chip.

    Attributes:
        exchange: What is exchanged.
        kernel: Name of the kernel.
        level: Level whose links set the pace.
        parts_s: Seconds by cause: launch, experts, links, cores.
        sent_bytes: Bytes one chip sends over each level.
        counted_bytes: Bytes that DeepEP's bandwidth counts: all messages, those that stay included.
        warnings: Why the number should be trusted less.
    """

    exchange: ExpertExchange
    kernel: str
    level: str
    parts_s: Mapping[str, float]
    sent_bytes: Mapping[str, float]
    counted_bytes: float
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts_s", MappingProxyType(dict(self.parts_s)))
        object.__setattr__(self, "sent_bytes", MappingProxyType(dict(self.sent_bytes)))

    @property
    def seconds(self) -> float:
        """Time of the whole call, in seconds."""
        return sum(self.parts_s.values())

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """``counted_bytes`` over the time, the bandwidth that DeepEP prints."""
        return self.counted_bytes / self.seconds if self.seconds else 0.0


def expert_exchange(
    exchange: ExpertExchange, system: System, kernel: str = LOW_LATENCY, stride: int = 1
) -> ExchangeCost:
    """Cost of an exchange between ``ranks`` chips of a system.

    The links of the outermost level that the chips span carry all messages of a direct kernel.

    Args:
        exchange: What is exchanged.
        system: Where it runs.
        kernel: Name among the level's ``expert_kernels``: ``low_latency`` or ``normal``.
        stride: Distance between neighbouring ranks, in chips.

    Raises:
        ConfigError: More chips than the system has, or an unknown kernel.
    """
    span = system.group(exchange.ranks, stride)
    if not span:
        return ExchangeCost(exchange, kernel, "", {"launch": 0.0}, {}, 0.0)
    outer = span[-1].level
    spec, warnings = _kernel_at(outer, kernel)
    warnings += _outside(exchange, spec)
    own = spec.dispatch if exchange.direction == DISPATCH else spec.combine
    if spec.pattern == "forward":
        return _forwarded(exchange, kernel, span, own, warnings)
    counted = exchange.topk * exchange.tokens * exchange.message_bytes
    sent = counted * (exchange.ranks - 1) / exchange.ranks
    latency_s, busiest = _busiest_link(counted, sent, span)
    terms = exchange_terms(exchange, system.chip.num_cores)
    rate = own.token_bandwidth_bytes_per_s or math.inf
    parts = {
        "launch": own.launch_s,
        "experts": own.expert_s * exchange.num_experts,
        "links": latency_s + busiest / (own.efficiency * outer.link.bandwidth_bytes_per_s),
        "cores": terms.tokens_per_core * own.token_s + terms.core_bytes / rate,
    }
    return ExchangeCost(exchange, kernel, outer.name, parts, {outer.name: sent}, counted, warnings)


def _busiest_link(counted: int, sent: float, span: Sequence[GroupLevel]) -> tuple[float, float]:
    """Latency and bytes of the busiest link: a chip's port on a switch; elsewhere as a direct all_to_all loads it."""
    outer = span[-1].level
    if outer.topology == "switch":
        return outer.link.latency_s, sent
    steps = require("direct", "all_to_all", spread(get_algorithm("all_to_all", "direct"), counted, span))
    loads = [load.nbytes for step in steps for load in step.loads if load.level.name == outer.name]
    return max(step.latency_s for step in steps), max(loads, default=0)


@dataclass(frozen=True, slots=True)
class ExchangeTerms:
    """What the busiest core does: tokens in turn, and bytes it casts (dispatch) or adds (combine)."""

    tokens_per_core: int
    core_bytes: int


def exchange_terms(exchange: ExpertExchange, num_cores: int) -> ExchangeTerms:
    """Work of the busiest core of a low-latency kernel.

    Args:
        exchange: Direction, tokens per chip, width and experts.
        num_cores: Cores of a chip that the kernel runs on.
    """
    experts_per_core = -(-exchange.num_experts // num_cores)
    used_cores = -(-exchange.num_experts // experts_per_core)
    tokens = -(-exchange.tokens // used_cores)
    copies = exchange.topk if exchange.direction == COMBINE else 1
    return ExchangeTerms(tokens, tokens * copies * 2 * exchange.hidden)


def expected_places(places: float, picks: int) -> float:
    """Different places among ``places`` that ``picks`` independent picks hit on average.

    Args:
        places: How many places there are.
        picks: How many picks, each of any place alike.

    Examples:
        >>> expected_places(2, 1), expected_places(2, 2)
        (1.0, 1.5)
    """
    return places * (1.0 - (1.0 - 1.0 / places) ** picks)


def _forwarded(
    exchange: ExpertExchange, kernel: str, span: Sequence[GroupLevel], own: ExchangeSpec, warnings: tuple[str, ...]
) -> ExchangeCost:
    """Once per group over the outer link, once per chip inside; the slower of the two sets the pace.

    Inside, copies to the chip itself pass the same buffers at the same rate.
    """
    outer, near = span[-1].level, span[-2 if len(span) > 1 else -1].level
    groups = span[-1].members if len(span) > 1 else 1
    members = exchange.ranks // groups
    open_groups = min(groups, exchange.topk_groups or groups)
    once = exchange.tokens * exchange.message_bytes
    groups_hit = expected_places(open_groups, exchange.topk)
    chips_hit = expected_places(open_groups * members, exchange.topk)
    sent = {near.name: once * chips_hit * (members - 1) / members}
    seconds = {near.name: once * chips_hit / (_near_efficiency(near, kernel, exchange, own) * _rate(near))}
    if groups > 1:
        sent[outer.name] = once * groups_hit * (groups - 1) / groups
        seconds[outer.name] = sent[outer.name] / (own.efficiency * _rate(outer))
    pace = max(seconds, key=lambda name: seconds[name])
    latency_s = sum(part.level.link.latency_s for part in span)
    parts = {"launch": own.launch_s, "links": latency_s + seconds[pace]}
    counted = once * (groups_hit if groups > 1 else chips_hit)
    return ExchangeCost(exchange, kernel, pace, parts, sent, counted, warnings)


def _rate(level: SystemLevel) -> float:
    return level.link.bandwidth_bytes_per_s


def _near_efficiency(near: SystemLevel, kernel: str, exchange: ExpertExchange, own: ExchangeSpec) -> float:
    spec = near.spec.expert_kernels.get(kernel)
    if spec is None:
        return own.efficiency
    return (spec.dispatch if exchange.direction == DISPATCH else spec.combine).efficiency


def _kernel_at(level: SystemLevel, kernel: str) -> tuple[ExpertKernelSpec, tuple[str, ...]]:
    known = level.spec.expert_kernels
    if kernel in known:
        text = f"{level.name}: no exchange of {kernel} kernels was measured; their numbers are assumed."
        return known[kernel], () if known[kernel].measured else (warn("exchange-assumed", text),)
    if kernel not in ("normal", LOW_LATENCY):
        names = list(dict.fromkeys((*known, LOW_LATENCY, "normal")))
        raise ConfigError(
            f"{level.name}: no expert kernel {kernel!r}. Known: {', '.join(names)}.{did_you_mean(kernel, names)}"
        )
    ideal = ExchangeSpec()
    pattern = "direct" if kernel == LOW_LATENCY else "forward"
    text = f"{level.name}: {kernel} expert kernels are not calibrated; the link's own latency and bandwidth are used."
    return ExpertKernelSpec(pattern=pattern, dispatch=ideal, combine=ideal, measured={}), (
        warn("exchange-uncalibrated", text),
    )


def _outside(exchange: ExpertExchange, spec: ExpertKernelSpec) -> tuple[str, ...]:
    """A text for every extent that was not measured."""
    found = []
    for name, (low, high) in spec.measured.items():
        value = getattr(exchange, name)
        if not low <= value <= high:
            span = f"{low}" if low == high else f"{low} to {high}"
            found.append(warn("exchange-outside-measured", f"{name} {value} is outside the measured {span}."))
    return tuple(found)

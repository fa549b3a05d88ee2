"""Exchange phases across chips on a ladder of links, and with the host.

Chips stand on a ladder: two rails of links between cards, and a rung inside each card of two.  Chips 2 r and 2 r + 1
share rung r.  The exchange sequence runs through the links without software on the way: a phase across chips takes a
fixed entry, each link it crosses, and the synchronisation of all rungs up to the farthest, which starts at rung 0.

Not modelled: routes other than rail first, chips that only pass data on and are busy with it, different latency in
the two directions of a link, errors and retries.

Source:
    Jia et al. 2019 (arXiv 1912.03413), chapter 4; link counts, efficiency and synchronisation per hop from the poplibs
    sources (graphcore/poplibs@7eac0f2 lib/poplibs_test/Util.cpp).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.cost.bsp.exchange import WORD_BYTES, broadcast_s, local_sum_s, words_s
from accelsim.cost.bsp.machine import Array, BspMachine
from accelsim.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LadderParameters:
    """Links of a ladder of chips; section ``calibration.ladder`` of a chip.

    Attributes:
        entry_s: Synchronisation, wire and both ends of an exchange that leaves the chip.
        rail_hop_s: Further latency per link between cards.
        rung_hop_s: Further latency of the links inside a card.
        sync_hop_s: Further synchronisation per rung, there and back.
        link_bandwidth_bytes_per_s: One link, per direction.
        link_efficiency: Share of it that payload reaches.
        rail_links: Links between neighbours along a rail.
        rung_links: Links between the two chips of a card.
        stream_efficiency: Share of a tile's exchange rate that one stream to one tile of another chip reaches.
        sender_s: Time for which one tile's message, however small, holds the way out of a group of chips.
        host_latency_s: Latency of a transfer from the host.
        host_bandwidth_bytes_per_s: Host to chip, payload.
    """

    entry_s: float
    rail_hop_s: float
    rung_hop_s: float
    sync_hop_s: float
    link_bandwidth_bytes_per_s: float
    link_efficiency: float
    rail_links: int
    rung_links: int
    stream_efficiency: float
    sender_s: float
    host_latency_s: float
    host_bandwidth_bytes_per_s: float

    def __post_init__(self) -> None:
        for name in ("link_bandwidth_bytes_per_s", "host_bandwidth_bytes_per_s", "rail_links", "rung_links"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"calibration.ladder.{name}: must be > 0, got {getattr(self, name)!r}")
        for name in ("link_efficiency", "stream_efficiency"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"calibration.ladder.{name}: must be in (0, 1], got {getattr(self, name)!r}")


def chip_latency_s(ladder: LadderParameters, source: Array, target: Array) -> Array:
    """Latency of one word between a tile of chip ``source`` and one of chip ``target``, two different chips.

    Args:
        ladder: Latencies of entry, rails, rungs and synchronisation.
        source: Number of the chip that sends.
        target: Number of the chip that receives.
    """
    source_rung, target_rung = source // 2, target // 2
    rails = np.abs(source_rung - target_rung)
    crosses = source % 2 != target % 2
    farthest = np.maximum(source_rung, target_rung)
    hops = rails * ladder.rail_hop_s + crosses * ladder.rung_hop_s
    return np.asarray(ladder.entry_s + hops + farthest * ladder.sync_hop_s)


def cut_bytes_per_s(ladder: LadderParameters, within_card: Array) -> Array:
    """Payload per direction across a cut: the two chips of a card, or one rail between cards.

    Args:
        ladder: Links of a rung and of a rail, with their rate.
        within_card: Whether the cut is between the two chips of a card.
    """
    links = np.where(within_card, float(ladder.rung_links), float(ladder.rail_links))
    return links * ladder.link_bandwidth_bytes_per_s * ladder.link_efficiency


@dataclass(frozen=True, slots=True, eq=False)
class Streams:
    """Messages of different tiles at once across a cut.

    Attributes:
        transfers: Messages, both directions together.
        per_direction: Messages of the busier direction.
        message_bytes: Of each.
    """

    transfers: Array
    per_direction: Array
    message_bytes: Array


def streams_s(machine: BspMachine, ladder: LadderParameters, latency_s: Array, cut: Array, streams: Streams) -> Array:
    """Messages of different tiles at once across a cut of ``cut`` bytes/s per direction.

    The slowest of three decides: one stream between two tiles, the bytes of the busier direction over the links, or
    the senders, which the way out serves one at a time.

    Args:
        machine: Tiles and their exchange.
        ladder: Links between chips.
        latency_s: Of the first word, in seconds.
        cut: Bytes per second across the cut, per direction.
        streams: The messages.
    """
    stream = words_s(machine, streams.message_bytes) / ladder.stream_efficiency
    links = streams.per_direction * streams.message_bytes / cut
    senders = np.where(streams.transfers > 1, streams.transfers, 0.0) * ladder.sender_s
    return latency_s + np.maximum(np.maximum(stream, links), senders)


def broadcast_across_s(
    machine: BspMachine, ladder: LadderParameters, latency_s: Array, is_target: Array, message_bytes: Array
) -> Array:
    """One tile to all tiles of other chips, and (``is_target``) then to all of its own chip.

    Other chips forward the stream as they take it; the own chip is served by an exchange of its own before or after,
    which small messages do not notice (all wait for the same synchronisation).

    Args:
        machine: Tiles and their exchange.
        ladder: Links between chips.
        latency_s: Of the first word to the farthest chip, in seconds.
        is_target: Whether the own chip receives too.
        message_bytes: What every tile receives, the same.
    """
    spread = machine.span_s - machine.parameters.base_latency_s
    across = latency_s + spread + words_s(machine, message_bytes) / ladder.stream_efficiency
    tiles = np.asarray(float(machine.num_tiles))
    own = words_s(machine, message_bytes, float(machine.parameters.broadcast_lanes))
    return np.where(is_target, np.maximum(across + own, broadcast_s(machine, tiles, message_bytes)), across)


def scatter_across_s(machine: BspMachine, latency_s: Array, tiles: Array, message_bytes: Array) -> Array:
    """One tile sends a message of its own to each of ``tiles`` tiles, the farthest of them ``latency_s`` away.

    Args:
        machine: Tiles and their exchange.
        latency_s: Of the first word to the farthest tile, in seconds.
        tiles: Tiles that receive.
        message_bytes: What each of them receives, its own.
    """
    return latency_s + tiles * words_s(machine, message_bytes)


def all_to_all_across_s(machine: BspMachine, latency_s: Array, cut: Array, tiles: Array, message_bytes: Array) -> Array:
    """Each of ``tiles`` tiles of several chips sends a message to each other: tiles or the cut in the middle decide.

    Args:
        machine: Tiles and their exchange.
        latency_s: Of the first word to the farthest tile, in seconds.
        cut: Bytes per second across the middle, per direction.
        tiles: Tiles of all chips.
        message_bytes: What each sends each other one.
    """
    crossing = (tiles / 2) ** 2 * message_bytes / cut
    return latency_s + np.maximum((tiles - 1) * words_s(machine, message_bytes), crossing)


def reduction_across_s(machine: BspMachine, latency_s: Array, tiles: Array, operands: Array) -> Array:
    """Sum of ``operands`` fp32 numbers on each of ``tiles`` tiles of several chips, collected by one tile.

    Args:
        machine: Tiles and their exchange.
        latency_s: Of the first word from the farthest tile, in seconds.
        tiles: Tiles of all chips.
        operands: Numbers on each of them.
    """
    start = machine.parameters.program_s + local_sum_s(machine, operands)
    return start + scatter_across_s(machine, latency_s, tiles, np.asarray(WORD_BYTES)) + local_sum_s(machine, tiles)


def host_s(ladder: LadderParameters, tiles: Array, message_bytes: Array) -> Array:
    """The host writes a message to each of ``tiles`` tiles of one chip.

    Args:
        ladder: Latency and bandwidth of the host's link.
        tiles: Tiles that receive, one after another.
        message_bytes: What each of them receives.
    """
    return ladder.host_latency_s + tiles * message_bytes / ladder.host_bandwidth_bytes_per_s

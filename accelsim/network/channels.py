"""How many channels a library opens between groups of chips, and what a pipeline over them loses while it fills.

Source:
    NVIDIA NCCL 2.20 to 2.29: ``ncclTopoComputeP2pChannels`` (channels of a send), ``enqueue.cc`` (chunks of a tree,
    halved until they are many against its depth); the counts agree with nccl-tests over 2 to 32 nodes
    (accelsim/validation/data/collectives_between_nodes.csv).
"""

from __future__ import annotations

from accelsim.hardware.level import ChannelSpec
from accelsim.network.on_graph import Pipeline

#: Channels of a send between two ranks of few; halved while all ranks' would be over :data:`ROUNDS` times the pool.
SENDS_PER_PEER = 4
ROUNDS = 4
#: Channels for sends that a group of chips has for each of its ranks, and at most.
SENDS_PER_RANK = 8
MOST_SENDS = 32
#: A tree's chunks are halved down to this size, until there are that many for each rank of its depth.
LEAST_CHUNK_BYTES = 2**15
CHUNKS_PER_DEPTH = 8


def tree_channels(spec: ChannelSpec, ports: int, port_bytes_per_s: float) -> int:
    """Channels that a group of chips opens towards other groups.

    Args:
        spec: Channels of the library at the level.
        ports: Ports of the group that are in use.
        port_bytes_per_s: Bandwidth of each.

    Examples:
        >>> tree_channels(ChannelSpec(), 2, 25e9), tree_channels(ChannelSpec(), 8, 50e9)
        (4, 16)
    """
    return max(1, min(spec.most, round(ports * port_bytes_per_s / spec.port_bandwidth_bytes_per_s)))


def send_channels(num_ranks: int, inside: int) -> int:
    """Channels of a send between two ranks in different groups.

    Args:
        num_ranks: Ranks of the communicator.
        inside: Ranks of it in one group.

    Examples:
        >>> [send_channels(8 * nodes, 8) for nodes in (2, 4, 8, 16)]
        [4, 4, 2, 1]
        >>> send_channels(2, 1), send_channels(10, 1)
        (4, 2)
    """
    pool, channels = min(MOST_SENDS, SENDS_PER_RANK * inside), SENDS_PER_PEER
    while channels > 1 and channels * num_ranks > ROUNDS * pool:
        channels //= 2
    return channels


def filled_share(pipeline: Pipeline | None, chunk_bytes: int | None) -> float:
    """Share of the time that links of a pipeline work: ``pieces / (pieces + hops)``.

    Args:
        pipeline: What passes; None where nothing is cut.
        chunk_bytes: Largest piece of a channel; None where filling is free.
    """
    if pipeline is None or chunk_bytes is None or not pipeline.nbytes:
        return 1.0
    mine = pipeline.nbytes / pipeline.channels
    many = min(mine / LEAST_CHUNK_BYTES, CHUNKS_PER_DEPTH * pipeline.depth)
    pieces = max(1.0, many, mine / chunk_bytes)
    return pieces / (pieces + pipeline.hops)

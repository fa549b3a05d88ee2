"""Traffic matrices as circuits: one-to-one matchings held for a while, or a few circuits per port held for good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.errors import ConfigError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

#: Port that is dark in a slot.
DARK = -1


@dataclass(frozen=True, eq=False)
class CircuitSlot:
    """Circuits that are lit together and what each carries.

    Attributes:
        out: Output port that each input is joined to, or :data:`DARK`. int64[ports].
        nbytes: Bytes that each circuit carries. int64[ports].
    """

    out: IntArray
    nbytes: IntArray


def cut_into_slots(traffic_bytes: npt.ArrayLike, max_slots: int | None = None) -> list[CircuitSlot]:
    """A schedule of matchings that carries all of ``traffic_bytes`` with few slots.

    The largest slice first: the matching whose smallest circuit is as large as possible (thresholds are halved until
    one exists on all busy ports), held until its smallest circuit is done, or to the end of each circuit where at most
    ``max_slots`` remain. Within a slot circuits end when they are done; the next slot waits port by port only.

    Args:
        traffic_bytes: Bytes from port to port; the diagonal is ignored. int[n, n].
        max_slots: Slots after which whole circuits are served to their end; default: twice the ports.

    Raises:
        ConfigError: The matrix is not square or has negative entries.

    Source:
        Liu et al., *Scheduling techniques for hybrid circuit/packet networks* (Solstice), CoNEXT 2015.
    """
    left = square(traffic_bytes)
    limit = 2 * len(left) if max_slots is None else max_slots
    slots: list[CircuitSlot] = []
    while left.any():
        out = _big_matching(left)
        inputs = np.flatnonzero(out != DARK)
        waiting = left[inputs, out[inputs]]
        served = waiting if len(slots) >= limit else np.minimum(waiting, waiting.min())
        nbytes = np.zeros(len(left), dtype=np.int64)
        nbytes[inputs] = served
        left[inputs, out[inputs]] -= served
        slots.append(CircuitSlot(out, nbytes))
    return slots


def static_circuits(traffic_bytes: npt.ArrayLike, degree: int) -> list[IntArray]:
    """Circuits that stay: ``degree`` matchings, each carrying as much of what the ones before left as it can.

    The last one is a ring over all ports if without it some traffic had no way, not even over other ports.

    Args:
        traffic_bytes: From row to column. [ports, ports].
        degree: Circuits of each port, each into a switch of its own.

    Raises:
        ConfigError: The matrix is malformed or the degree is not positive.
    """
    from scipy.optimize import linear_sum_assignment

    if degree < 1:
        raise ConfigError(f"static circuits: degree {degree}; a port needs at least 1 circuit.")
    left = square(traffic_bytes).astype(np.float64)
    num_ports, found = len(left), []
    for _ in range(degree):
        weight = left.copy()
        np.fill_diagonal(weight, -float(left.sum()) - 1.0)  # no circuit from a port to itself
        _, out = linear_sum_assignment(weight, maximize=True)
        circuits: IntArray = np.asarray(out, dtype=np.int64)
        found.append(circuits)
        left[np.arange(num_ports), circuits] = 0.0
    if not _reach(found, square(traffic_bytes)):
        found[-1] = (np.arange(num_ports, dtype=np.int64) + 1) % num_ports
    return found


def square(traffic_bytes: npt.ArrayLike) -> IntArray:
    """A copy of a traffic matrix with an empty diagonal.

    Raises:
        ConfigError: It is not square or has negative entries.
    """
    matrix = np.array(traffic_bytes, dtype=np.int64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ConfigError(f"traffic: expected a square matrix of bytes, got shape {matrix.shape}.")
    if (matrix < 0).any():
        raise ConfigError("traffic: negative bytes. Every entry is 0 or more.")
    np.fill_diagonal(matrix, 0)
    return matrix


def _big_matching(left: IntArray) -> IntArray:
    """The matching of most circuits whose entries pass the highest threshold that keeps that many."""
    threshold, most = int(left.max()), _size(_matching(left > 0))
    while True:
        out = _matching(left >= threshold)
        if _size(out) == most or threshold == 1:
            return out
        threshold = max(1, threshold // 2)


def _size(out: IntArray) -> int:
    return int((out != DARK).sum())


def _matching(allowed: npt.NDArray[np.bool_]) -> IntArray:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    found = maximum_bipartite_matching(csr_matrix(allowed), perm_type="column")
    return np.asarray(found, dtype=np.int64)


def _reach(circuits: list[IntArray], traffic_bytes: IntArray) -> bool:
    """Whether all ports that exchange data are joined over the circuits."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import shortest_path

    num_ports = len(circuits[0])
    src = np.tile(np.arange(num_ports), len(circuits))
    graph = csr_matrix((np.ones(len(src)), (src, np.concatenate(circuits))), shape=(num_ports, num_ports))
    hops = shortest_path(graph, unweighted=True)
    return bool(np.isfinite(hops[traffic_bytes > 0]).all())

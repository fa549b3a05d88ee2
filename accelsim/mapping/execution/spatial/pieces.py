"""Operators cut into pieces, each of which gets a rectangle of its own: a rewrite of the graph of a block.

An operator group (``mlp`` of a block) in P pieces becomes ``mlp@0`` ... ``mlp@P-1``, which hold a share each of its
heads, columns, experts or rows of tables (:mod:`~accelsim.mapping.execution.spatial.shares`), and ``mlp``, which has
what remains: the sum of their partial results, or the results side by side, and the operators that read them::

    norm -> gate_up -> act -> down -> add        norm@p -> gate_up@p -> act@p -> down@p ~~> sum -> add

What goes before and has nothing to cut (a norm) is computed by every piece, as by every rank of tensor parallelism,
so all pieces read the same tensor: one multicast.  Where others read its result too, ``mlp@in`` computes it once more.

Experts are cut by expert: tokens are routed to their pieces (:mod:`~accelsim.mapping.execution.spatial.routed`).

Which chip and tiles a piece gets is the business of sizing and placement; a piece may lie on another chip.

Not modelled: sequences or cached positions dealt to pieces, partial results of two cuts in a row in one group.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from accelsim.errors import PlanError
from accelsim.mapping.execution.spatial.routed import RoutedPieces
from accelsim.mapping.execution.spatial.shares import Shares
from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.operators.concat import Concat
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.tree_sum import TreeSum
from accelsim.workload.tensor import Role, Tensor

#: Between the name of a group and the number of a piece.
PIECE = "@"
#: Piece that has what pieces compute for others.
_SHARED = f"{PIECE}in"

_NUMBER = re.compile(rf"{PIECE}\d+")

#: Pieces by ``SEGMENT.GROUP``; groups that are not named stay whole.
Pieces = Mapping[str, int]


def group_of(operator: str) -> str:
    """Group of an operator: its name up to the first dot."""
    return operator.partition(".")[0]


def is_piece(name: str) -> bool:
    """Whether a group, or an operator, is one of several that work side by side."""
    return PIECE in name and _NUMBER.search(name) is not None


def whole_name(name: str) -> str:
    """The name without the number of a piece."""
    return _NUMBER.sub("", name) if PIECE in name else name


def most_pieces(segments: Sequence[Segment]) -> dict[str, int]:
    """Into how many pieces each group can be cut, by ``SEGMENT.GROUP``; groups with nothing to cut are left out."""
    found: dict[str, int] = {}
    for segment in segments:
        for group, operators in _groups(segment.graph).items():
            if (most := Shares(operators).most) > 1:
                found[f"{segment.name}.{group}"] = most
    return found


def piece_number(name: str) -> int | None:
    """Number of a piece, None for what is whole."""
    found = _NUMBER.search(name)
    return int(found[0].removeprefix(PIECE)) if found else None


def cut(
    segments: Sequence[Segment], pieces: Pieces, only: int | None = None, keeps_idle: bool = True
) -> tuple[Segment, ...]:
    """The segments with groups cut into pieces.

    Args:
        segments: Of a pass.
        pieces: How many of each group; groups left out, or with 1, stay as they are.
        only: Number of the pieces whose operators are wanted; None: those of all.
        keeps_idle: Whether pieces of experts to which no token is routed are there too.

    Raises:
        PlanError: More pieces than blocks, or a group that does not exist.
    """
    if all(count == 1 for count in pieces.values()):
        return tuple(segments)
    exported = Workload("", tuple(segments), tokens=1)
    found = []
    for at, segment in enumerate(segments):
        own = {g: pieces[f"{segment.name}.{g}"] for g in _groups(segment.graph) if f"{segment.name}.{g}" in pieces}
        own = {group: count for group, count in own.items() if count > 1}
        graph = _Cutter(segment, own, exported.exported(at), only, keeps_idle).cut() if own else segment.graph
        found.append(replace(segment, graph=graph))
    return tuple(found)


class _Cutter:
    """Rewrites the graph of one block."""

    def __init__(
        self,
        segment: Segment,
        pieces: Mapping[str, int],
        exported: frozenset[str],
        only: int | None,
        keeps_idle: bool,
    ) -> None:
        graph = self._graph = segment.graph
        self._only, self._keeps_idle = only, keeps_idle
        self._shares = {g: Shares(ops, pieces[g]) for g, ops in _groups(graph).items() if g in pieces}
        for group, shares in self._shares.items():
            if shares.pieces > shares.most:
                raise PlanError(f"{segment.name}.{group} has {shares.most} blocks to deal, not {shares.pieces}.")
        self._routed = {
            group
            for group, ops in _groups(graph).items()
            if group in pieces and any(op.kind == Experts.kind for op in ops)
        }
        self._exported = exported | {tensor.name for tensor in graph.leaving}
        self._whole = self._find_whole()
        self._needed = self._find_needed()
        self._local: set[tuple[str, str]] = set()  # group, and a tensor of which each of its pieces has its own
        self._found: list[Operator] = []

    def cut(self) -> OperatorGraph:
        """The graph of pieces."""
        for operator in self._graph:
            if group_of(operator.name) not in self._shares or operator.name in self._whole:
                self._found.append(operator)
            else:
                self._cut(operator)
        return OperatorGraph(self._graph.name, tuple(self._found))

    def _find_whole(self) -> frozenset[str]:
        """Operators of cut groups that stay whole: after a sum of the pieces, or beside them."""
        after = self._find_after_sums()
        feeding: set[tuple[str, str]] = set()  # (group, tensor) that pieces read
        whole = set(after)
        for operator in reversed(self._graph.operators):
            group = group_of(operator.name)
            if group not in self._shares or operator.name in after:
                continue
            if self._shares[group].cuts(operator) or any(
                (group, tensor.name) in feeding for tensor in operator.outputs
            ):
                feeding |= {(group, tensor.name) for tensor in operator.inputs}
            else:
                whole.add(operator.name)
        return frozenset(whole)

    def _find_after_sums(self) -> frozenset[str]:
        """Operators of a cut group that read a sum of its pieces, directly or not."""
        joined: set[str] = set()
        late: set[tuple[str, str]] = set()  # (group, tensor) that exists once the pieces are summed up
        for operator in self._graph:
            group = group_of(operator.name)
            shares = self._shares.get(group)
            if shares is None:
                continue
            if any((group, tensor.name) in late for tensor in operator.inputs):
                joined.add(operator.name)
            elif not shares.leaves_partial_sums(operator):
                continue
            late |= {(group, tensor.name) for tensor in operator.outputs}
        return frozenset(joined)

    def _find_needed(self) -> frozenset[str]:
        """Results of pieces that are read whole: by other groups, after a sum, or by whom the block feeds."""
        needed = set(self._exported)
        for operator in reversed(self._graph.operators):
            group = group_of(operator.name)
            writes_whole = any(tensor.name in needed for tensor in operator.outputs)
            is_alike = group in self._shares and not self._shares[group].cuts(operator)
            if group not in self._shares or operator.name in self._whole or (is_alike and writes_whole):
                needed |= {tensor.name for tensor in operator.inputs}
            else:
                inside = {t.name for op in self._graph if group_of(op.name) == group for t in op.outputs}
                needed |= {tensor.name for tensor in operator.inputs if tensor.name not in inside}
        return frozenset(needed)

    def _cut(self, operator: Operator) -> None:
        """The pieces of an operator, and what makes whole tensors of their results."""
        group = group_of(operator.name)
        shares = self._shares[group]
        numbers = range(shares.pieces)
        is_cut = shares.cuts(operator)
        if group in self._routed and not is_cut:  # tokens are routed once, before they part
            self._found.append(replace(operator, name=_renamed(operator.name, _SHARED)))
            return
        if isinstance(operator, Experts):
            asked = {piece: _renamed(operator.name, f"{PIECE}{piece}") for piece in self._asked(shares)}
            sending = _renamed(f"{group}.dispatch", _SHARED)
            routed = RoutedPieces(operator, shares, PIECE, self._keeps_idle)
            self._found += routed.operators(sending, asked, f"{operator.name}.gather")
            return
        if not is_cut and any(tensor.name in self._needed for tensor in operator.outputs):
            self._found.append(replace(operator, name=_renamed(operator.name, _SHARED)))
        for piece in self._asked(shares):
            share, suffix = shares.of(operator, piece), f"{PIECE}{piece}"
            self._found.append(
                replace(
                    share,
                    name=_renamed(operator.name, suffix),
                    inputs=tuple(self._input(group, tensor, suffix) for tensor in share.inputs),
                    outputs=tuple(tensor.renamed(tensor.name + suffix) for tensor in share.outputs),
                )
            )
        whole = operator.outputs
        self._local |= {(group, tensor.name) for tensor in whole}
        if shares.leaves_partial_sums(operator):
            partial = tuple(whole[0].renamed(f"{whole[0].name}{PIECE}{piece}") for piece in numbers)
            self._found.append(TreeSum(f"{operator.name}.sum", partial, whole[:1]))
        elif is_cut:
            for at, tensor in enumerate(whole):
                if tensor.name in self._needed:
                    parts = (shares.part(operator, tensor, piece) for piece in numbers)
                    named = tuple(part.renamed(f"{part.name}{PIECE}{i}") for i, part in enumerate(parts))
                    self._found.append(Concat(f"{operator.name}.join{at or ''}", named, (tensor,)))

    def _asked(self, shares: Shares) -> Sequence[int]:
        """Pieces whose operators are wanted."""
        every = range(shares.pieces)
        return every if self._only is None else [self._only] if self._only in every else []

    def _input(self, group: str, tensor: Tensor, suffix: str) -> Tensor:
        """What a piece reads: its own tensor, or one that all read."""
        is_own = (group, tensor.name) in self._local or tensor.role in (Role.WEIGHT, Role.KV_CACHE)
        return tensor.renamed(tensor.name + suffix) if is_own else tensor


def _groups(graph: OperatorGraph) -> dict[str, list[Operator]]:
    found: dict[str, list[Operator]] = {}
    for operator in graph:
        found.setdefault(group_of(operator.name), []).append(operator)
    return found


def _renamed(operator: str, suffix: str) -> str:
    group, dot, rest = operator.partition(".")
    return group + suffix + dot + rest

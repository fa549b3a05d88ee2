"""Experts in pieces: each piece has some experts on a rectangle of its own and works on the tokens routed to it.

Routing says how many rows (a token times one of its experts) the fullest piece has; it is the first of those with most
experts.  What is left is dealt to the others by their experts in whole rows, so that all rows are worked on once.  A
token of which a piece has several experts is sent there once::

    norm -> router -> dispatch ~~> experts@p ~~> gather -> add

Norm, router and dispatch are computed once, in ``moe@in``; a piece that gets no token does nothing in that unit.

Not modelled: another piece that is the fullest from unit to unit, tokens dropped at a capacity.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from accelsim.mapping.execution.spatial.shares import Shares
from accelsim.workload.operator import Operator
from accelsim.workload.operators.dispatch import Dispatch
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.router import Combine, gates
from accelsim.workload.routing import copies
from accelsim.workload.tensor import Axis, Tensor


@dataclass(frozen=True, slots=True)
class Dealt:
    """What comes to one piece.

    Attributes:
        rows: Tokens times experts.
        sent: Tokens.
    """

    rows: int
    sent: int


def dealt_to(operator: Experts, stored: list[int]) -> list[Dealt]:
    """What comes to each piece.

    Args:
        operator: All experts of a layer.
        stored: Experts that each piece has.
    """
    rows = operator.tokens * operator.top_k
    pieces = len(stored)
    fullest = max(range(pieces), key=lambda piece: stored[piece])
    load = operator.routing.load(operator.num_experts, operator.top_k, operator.tokens, pieces)
    most = operator.tokens * min(operator.top_k, stored[fullest])
    top = min(most, max(1, math.ceil(rows * stored[fullest] / operator.num_experts * load - 1e-9)))
    each = copies(operator.num_experts, operator.top_k, pieces) / operator.top_k
    found, seen, others = [], 0, operator.num_experts - stored[fullest]
    for piece, count in enumerate(stored):
        mine = top
        if piece != fullest:
            mine = (rows - top) * (seen + count) // others - (rows - top) * seen // others
            seen += count
        found.append(Dealt(mine, min(operator.tokens, math.ceil(mine * each - 1e-9))))
    return found


@dataclass(frozen=True, eq=False)
class RoutedPieces:
    """The experts of a layer in pieces.

    Attributes:
        operator: All of them.
        shares: What each piece stores.
        mark: Between the name of a group and the number of a piece.
        keeps_idle: Whether pieces without a token are there too, with one.
    """

    operator: Experts
    shares: Shares
    mark: str
    keeps_idle: bool

    def operators(self, shared: str, renamed: dict[int, str], total: str) -> Iterator[Operator]:
        """Dispatch, the pieces that are asked for, and the sum of what they return.

        Args:
            shared: Name of the operator that sends tokens out.
            renamed: Name of each piece that is asked for.
            total: Name of the operator that adds up.
        """
        whole, numbers = self.operator, range(self.shares.pieces)
        shares = [share for piece in numbers if isinstance(share := self.shares.of(whole, piece), Experts)]
        dealt = dict(enumerate(dealt_to(whole, [share.local_experts for share in shares])))
        busy = {piece: one for piece, one in dealt.items() if one.rows or self.keeps_idle}
        sent = {piece: self._sent(piece, one) for piece, one in busy.items()}
        xs, chosen = ([pair[at] for pair in sent.values()] for at in (0, 1))
        yield Dispatch(shared, whole.inputs[:2], (*xs, *chosen))
        results = {piece: self._result(piece, one) for piece, one in busy.items()}
        for piece, name in renamed.items():
            if piece in busy:
                weights = (replace(t, name=f"{t.name}{self.mark}{piece}") for t in shares[piece].inputs[2:])
                yield replace(
                    shares[piece],
                    name=name,
                    inputs=(*sent[piece], *weights),
                    outputs=(results[piece],),
                    dealt_rows=max(1, busy[piece].rows),
                    is_dispatched=True,
                )
        yield Combine(total, tuple(results.values()), whole.outputs)

    def _sent(self, piece: int, dealt: Dealt) -> tuple[Tensor, Tensor]:
        x, routed = self.operator.x, Axis.of("routed", max(1, dealt.sent))
        of_a_token = -(-dealt.rows // max(1, dealt.sent)) or 1
        suffix = f"{self.mark}{piece}"
        return (
            replace(x, name=f"{self.operator.name}.in{suffix}", axes=(routed, x.axes[-1])),
            gates(f"{self.operator.name}.gates{suffix}", (routed,), of_a_token),
        )

    def _result(self, piece: int, dealt: Dealt) -> Tensor:
        out, routed = self.operator.outputs[0], Axis.of("routed", max(1, dealt.sent))
        return replace(out, name=f"{out.name}{self.mark}{piece}", axes=(routed, out.axes[-1]))

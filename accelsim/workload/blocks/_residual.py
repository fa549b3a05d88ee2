"""How attention and feed-forward sublayer hang on the residual stream."""

from __future__ import annotations

from collections.abc import Callable

from accelsim.workload.description import Description
from accelsim.workload.features.attention import ATTENTIONS
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.layer import Layer
from accelsim.workload.tensor import Tensor
from accelsim.workload.wiring import Wiring


def build_block(
    wiring: Wiring[Description],
    layer: Layer,
    feed_forward: Callable[[Wiring[Description], Tensor], Tensor],
    name: str,
) -> OperatorGraph:
    """One decoder block as inference engines run it.

    ::

        in -> attn.norm -> attention -> attn.add -> NAME.norm -> feed-forward -> NAME.add -> out

    A parallel block adds both branches to the residual at once.  With norms after the sublayers, ``attn.norm`` and
    ``NAME.norm`` follow the additions; with both, ``attn.post_norm`` and ``NAME.post_norm`` precede them; with norms
    after the sublayers alone, these are the only ones.

    Args:
        wiring: Of the model and the pass.
        layer: Which layer.
        feed_forward: Builds the second sublayer.
        name: Of the second sublayer.
    """
    model, attend = wiring.model, ATTENTIONS.get(layer.attention)
    x = wiring.activation("decoder.in", wiring.hidden)
    if model.parallel_block:
        attended = wiring.norm("attn.norm", x)
        second = wiring.norm(f"{name}.norm", x) if model.num_parallel_norms == 2 else attended
        attended = attend(wiring, layer, attended)
        wiring.sum(f"{name}.add", x, attended, feed_forward(wiring, second))
    elif model.norm_position == "post":
        x = wiring.norm("attn.norm", wiring.sum("attn.add", x, attend(wiring, layer, x)))
        wiring.norm(f"{name}.norm", wiring.sum(f"{name}.add", x, feed_forward(wiring, x)))
    else:
        x = _added(wiring, "attn", x, attend(wiring, layer, _entered(wiring, "attn", x)))
        _added(wiring, name, x, feed_forward(wiring, _entered(wiring, name, x)))
    return wiring.graph(layer.name)


def _entered(wiring: Wiring[Description], name: str, x: Tensor) -> Tensor:
    return x if wiring.model.norm_position == "after" else wiring.norm(f"{name}.norm", x)


def _added(wiring: Wiring[Description], name: str, x: Tensor, branch: Tensor) -> Tensor:
    if wiring.model.norm_position in ("both", "after"):
        branch = wiring.norm(f"{name}.post_norm", branch)
    return wiring.sum(f"{name}.add", x, branch)

"""A training step of a model: forward with loss, and the way back, for one microbatch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.workload.backward import backward
from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.operators.cross_entropy import CrossEntropy
from accelsim.workload.operators.dropout import Dropout
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.tensor import Role, Tensor

#: What of a layer is computed again on the way back: nothing, the scores of attention, everything.
Recompute = Literal["none", "selective", "full"]
RECOMPUTES: tuple[Recompute, ...] = ("none", "selective", "full")
#: Element types that are multiplied without scales, so that gradients have them too.
_PLAIN = (DType.BF16, DType.FP16, DType.FP32, DType.TF32)


@dataclass(frozen=True)
class TrainingStep:
    """Both ways of one microbatch.

    Attributes:
        forward: With dropout, where there is any, and the loss behind the logits.
        backward: Segments in reverse order, each with what it computes again.
    """

    forward: Workload
    backward: Workload

    def map(self, function: Callable[[list[Workload]], list[Workload]]) -> TrainingStep:
        """Both ways after a pass.

        Args:
            function: Takes workloads and gives one for each.
        """
        forward, back = function([self.forward, self.backward])
        return TrainingStep(forward, back)


def training_step(workload: Workload, recompute: Recompute = "none", dropout: bool = False) -> TrainingStep:
    """Both ways of one microbatch, undivided.

    ``selective`` computes what lies around a softmax again: with attention that stores no scores, nothing.  ``full``
    computes every layer again from what enters it.

    Args:
        workload: The forward pass with logits of all positions.
        recompute: One of :data:`RECOMPUTES`.
        dropout: Whether scores and what is added to the residual stream are thinned out.

    Raises:
        ConfigError: An operator without gradients, types with scales, or a model with several inputs of a block.
    """
    _check(workload)
    segments = [_trained(segment, dropout) for segment in workload.segments]
    segments[-1] = _with_loss(segments[-1])
    last = len(segments) - 1
    back = [
        replace(
            segment,
            graph=_summed(backward(segment.graph, _again(segment.graph, recompute if 0 < at < last else "none"))),
        )
        for at, segment in enumerate(segments)
    ]
    return TrainingStep(
        replace(workload, segments=tuple(segments)),
        replace(workload, name=f"{workload.name} backward", segments=tuple(reversed(back)), warnings=()),
    )


def _check(workload: Workload) -> None:
    """Refuse what no way back is known for."""
    if any(segment.ports for segment in workload.segments):
        raise ConfigError(f"{workload.name}: training goes back through a chain of blocks; its blocks have ports.")
    for _, tensor in workload.stored_weights:
        if tensor.scales is not None or tensor.dtype not in _PLAIN:
            raise ConfigError(
                f"{workload.name}: training with weights in {tensor.dtype.value} is not modelled yet. "
                "Use --dtype bf16, fp16 or fp32."
            )


def _trained(segment: Segment, dropout: bool) -> Segment:
    """The segment without a cache: keys and values are activations; with dropout where it belongs."""
    operators: list[Operator] = [_without_cache(operator) for operator in segment.graph]
    if dropout:
        operators = _thinned(operators)
    return replace(segment, graph=OperatorGraph(segment.graph.name, tuple(operators)))


def _without_cache(operator: Operator) -> Operator:
    return replace(operator, inputs=_activations(operator.inputs), outputs=_activations(operator.outputs))


def _activations(tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    return tuple(replace(t, role=Role.ACTIVATION, reserved=0) if t.role is Role.KV_CACHE else t for t in tensors)


def _thinned(operators: list[Operator]) -> list[Operator]:
    """Dropout behind every softmax, and behind products whose result is added to another tensor.

    Source:
        Vaswani et al., *Attention Is All You Need*, 2017, section 5.4; of scores as in GPT-2 and Megatron-LM.
    """
    products = {t.name for operator in operators if operator.kind == "gemm" for t in operator.outputs}
    added = {t.name for op in operators if isinstance(op, Elementwise) and op.function == "add" for t in op.inputs}
    found: list[Operator] = []
    thin: dict[str, str] = {}
    for operator in operators:
        inputs = tuple(replace(t, name=thin.get(t.name, t.name)) for t in operator.inputs)
        found.append(replace(operator, inputs=inputs))
        result = operator.outputs[0]
        if operator.kind == "softmax" or result.name in products & added:
            found.append(Dropout.after(result, f"{operator.name}.dropout"))
            thin[result.name] = found[-1].outputs[0].name
    return found


def _with_loss(segment: Segment) -> Segment:
    """The last segment with its logits in fp32 and their cross entropy."""
    logits = segment.graph.leaving[-1]
    if not any(axis.name == "vocab" for axis in logits.axes):
        raise ConfigError(f"{segment.name}: training needs logits to take a loss of; the last block has none.")
    wide = replace(logits, name=f"{logits.name}.fp32", dtype=DType.FP32)
    cast = Elementwise("head.logits.cast", (logits,), (wide,), "copy")
    loss = CrossEntropy.after(wide, "loss")
    return replace(segment, graph=OperatorGraph(segment.graph.name, (*segment.graph.operators, cast, loss)))


def _summed(graph: OperatorGraph) -> OperatorGraph:
    """Gradients of weights in fp32, as the sum over microbatches that the kernel adds to.

    Not modelled: that the sum is read before it is written.
    """
    own = {f"{tensor.name}.grad" for tensor in graph.weights} | {
        t.name
        for op in graph
        for t in op.outputs
        if t.role is Role.GRADIENT and op.name.endswith((".weights", ".bias"))
    }

    def wide(operator: Operator) -> Operator:
        results = tuple(replace(t, dtype=DType.FP32) if t.name in own else t for t in operator.outputs)
        return replace(operator, outputs=results)

    return graph.map(wide)


def _again(graph: OperatorGraph, recompute: Recompute) -> tuple[Operator, ...]:
    """Operators of a block that are computed again on the way back."""
    if recompute == "none":
        return ()
    if recompute == "full":
        return graph.operators
    of_scores = {t.name for op in graph if op.kind == "softmax" for t in (*op.inputs, *op.outputs)}
    of_scores |= {t.name for op in graph if op.kind == "dropout" and op.inputs[0].name in of_scores for t in op.outputs}
    return tuple(op for op in graph if of_scores & {t.name for t in (*op.inputs, *op.outputs)})

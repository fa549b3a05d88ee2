"""The two ends of a decoder-only model: token embedding and logits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from accelsim.config.bounds import LayersOrNone, Width
from accelsim.dtypes import DType
from accelsim.workload.features.positions import Positions
from accelsim.workload.features.residual import ResidualStream
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.operators.embedding import Embedding
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.tensor import Axis
from accelsim.workload.wiring import Pass, Wiring

TOKEN_TABLE = "embed.tokens.weight"


class Ends(ResidualStream, Positions):
    """Vocabulary and its tables."""

    derived: ClassVar[tuple[str, ...]] = ("embedding_size",)
    config_keys: ClassVar[tuple[str, ...]] = ("vocab_size", "tie_word_embeddings", "num_nextn_predict_layers")

    vocab_size: Width = Field(description="Rows of the embedding table.")
    tie_word_embeddings: bool = Field(False, description="Whether the logits reuse the embedding table.")
    embedding_size: Width = Field(0, description="Width of the embedding table; default: hidden_size.")
    has_lm_head: bool = Field(True, description="Whether logits are computed; an embedding model has none.")
    head_bias: bool = Field(False, description="Whether the logits have a bias.")
    num_nextn_predict_layers: LayersOrNone = Field(
        0, description="Layers for multi-token prediction behind the last: counted apart, not part of a pass."
    )

    @classmethod
    def fill(cls, data: dict[str, Any]) -> None:
        """A table as wide as the stream."""
        if isinstance(data.get("hidden_size"), int):
            data.setdefault("embedding_size", data["hidden_size"])
        super().fill(data)


def build_embedding(model: Ends, step: Pass) -> OperatorGraph:
    """Token ids to the residual stream: gather, projection if the table is narrower, learned positions if any.

    Args:
        model: Vocabulary and positions.
        step: The tokens.
    """
    wiring = Wiring(model, step)
    ids = replace(wiring.activation("embed.ids"), dtype=DType.INT32)
    width = _embedding_axis(model)
    table = wiring.weight(TOKEN_TABLE, _vocab_axis(model), width)
    x = wiring.add(Embedding("embed.tokens", (ids, table), (wiring.activation("embed.tokens.out", width),)))
    if model.embedding_size != model.hidden_size:
        x = wiring.gemm("embed.project", x, wiring.hidden)
    if model.position == "learned":
        rows = wiring.weight("embed.positions.weight", Axis.of("positions", model.position_rows), wiring.hidden)
        result = wiring.activation("embed.positions.out", wiring.hidden)
        positions = wiring.add(Embedding("embed.positions", (ids, rows), (result,)))
        wiring.sum("embed.add", x, positions)
    return wiring.graph("embedding")


def build_head(model: Ends, step: Pass) -> OperatorGraph:
    """Residual stream to logits, for the last position of each sequence or for all; without a head its norm alone.

    Not modelled: sampling, what a head of another kind computes of the stream.

    Args:
        model: Vocabulary and norms.
        step: The tokens; those with logits are taken from them.
    """
    wiring = Wiring(model, step.last())
    x = wiring.activation("head.in", wiring.hidden)
    if model.final_norm:
        x = wiring.norm("head.norm", x)
    if model.embedding_size != model.hidden_size:
        x = wiring.gemm("head.project", x, _embedding_axis(model))
    vocab = _vocab_axis(model)
    if not model.has_lm_head:
        return wiring.graph("head")
    if model.tie_word_embeddings:
        table = wiring.weight(TOKEN_TABLE, vocab, x.axes[-1])
        bias = (wiring.vector("head.logits.bias", vocab),) if model.head_bias else ()
        inputs = (wiring.operand("head.logits", x), table, *bias)
        logits = (wiring.activation("head.logits.out", vocab),)
        wiring.add(Gemm("head.logits", inputs, logits, has_bias=model.head_bias))
    else:
        wiring.gemm("head.logits", x, vocab, model.head_bias)
    return wiring.graph("head")


def _vocab_axis(model: Ends) -> Axis:
    """Vocabularies are seldom multiples of anything; engines pad the table so that it splits."""
    return Axis.of("vocab", model.vocab_size, is_padded=True)


def _embedding_axis(model: Ends) -> Axis:
    if model.embedding_size == model.hidden_size:
        return Axis.of("hidden", model.hidden_size)
    return Axis.of("embedding", model.embedding_size)

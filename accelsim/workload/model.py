"""A transformer as a frozen description: the keys of Hugging Face ``config.json``, and what those leave unsaid."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from accelsim.config.schema import Spec
from accelsim.dtypes import DType

#: Recomputed and published parameter counts may differ by this much (published ones are often rounded).
CHECK_TOLERANCE = 0.01

_TORCH_NAMES = {
    "float32": "fp32",
    "bfloat16": "bf16",
    "float16": "fp16",
    "float8_e4m3fn": "fp8",
    "float8_e5m2": "fp8",
    "int8": "int8",
}

PositiveInt = Annotated[int, Field(gt=0)]


def read_dtype(value: object) -> object:
    """The type a name means, in our spelling (``bf16``) or torch's (``bfloat16``); unknown names are returned."""
    if not isinstance(value, str):
        return value
    name = _TORCH_NAMES.get(value.removeprefix("torch."), value)
    return DType(name) if name in {dtype.value for dtype in DType} else value


class ModelChecks(Spec):
    """Published figures the description must reproduce within 1 %."""

    parameters: float | None = Field(None, gt=0, description="Published parameter count.")


class Model(Spec):
    """One dense decoder-only transformer: shapes and structure, no weights, no batch.

    Fields named as in Hugging Face ``config.json`` mean the same.  Fields a config leaves to the code of its family
    (norm, position, gate, parallel block) are explicit here.

    Not modelled: mixture of experts, latent attention, encoders, layers that differ from each other, dropout,
    quantised storage with scales.

    Raises:
        pydantic.ValidationError: A value is impossible or a check fails; the loader turns it into a ConfigError.
    """

    schema_version: Literal[1] = Field(1, description="Version of this file format.")
    kind: Literal["model"] = Field("model", description="What the file describes.")
    name: str = Field("model", description="Name in reports.")
    description: str = Field("", description="Origin, decisions, what is left out.")
    source: str = Field("", description="Where the shapes come from.")
    block: str = Field("dense", description="Member of the block registry that the layers are built from.")

    hidden_size: PositiveInt = Field(description="Width of the residual stream.")
    intermediate_size: PositiveInt = Field(description="Width inside the MLP (of one half, when gated).")
    num_hidden_layers: PositiveInt = Field(description="Decoder blocks.")
    vocab_size: PositiveInt = Field(description="Rows of the embedding table.")
    max_position_embeddings: PositiveInt = Field(description="Longest sequence the positions are made for.")
    num_attention_heads: PositiveInt = Field(description="Query heads.")
    num_key_value_heads: PositiveInt = Field(0, description="Key-value heads; default: as many as query heads.")
    head_dim: PositiveInt = Field(0, description="Elements of one head; default: hidden_size / num_attention_heads.")

    hidden_act: Literal["gelu", "relu", "silu"] = Field("silu", description="Activation function of the MLP.")
    gated_mlp: bool = Field(True, description="Whether the activation gates a second projection (SwiGLU, GeGLU).")
    norm: Literal["rmsnorm", "layernorm"] = Field("rmsnorm", description="Normalisation of the residual stream.")
    norm_bias: bool = Field(False, description="Whether norms have a bias; default: true for layernorm.")
    norm_position: Literal["pre", "post"] = Field(
        "pre", description="Norm before each sublayer, or after its addition."
    )
    final_norm: bool = Field(True, description="Whether a norm precedes the logits; default: norm_position is pre.")
    parallel_block: bool = Field(False, description="Attention and MLP read the same input and are added together.")
    num_parallel_norms: Literal[1, 2] = Field(1, description="Norms of a parallel block: shared, or one per branch.")
    position: Literal["rope", "learned", "alibi", "none"] = Field("rope", description="How positions enter.")
    position_offset: int = Field(0, ge=0, description="Extra rows of a learned position table (OPT: 2).")
    sliding_window: PositiveInt | None = Field(None, description="Positions a token attends to at most; null: all.")
    tie_word_embeddings: bool = Field(False, description="Whether the logits reuse the embedding table.")
    embedding_size: PositiveInt = Field(0, description="Width of the embedding table; default: hidden_size.")
    attention_bias: bool = Field(False, description="Biases of the q, k and v projections.")
    attention_output_bias: bool = Field(False, description="Bias of the output projection; default: attention_bias.")
    mlp_bias: bool = Field(False, description="Biases of the MLP projections.")
    torch_dtype: Annotated[DType, BeforeValidator(read_dtype)] = Field(DType.BF16, description="Type of the weights.")
    checks: ModelChecks = Field(ModelChecks(), description="Published figures, recomputed at load.")
    warnings: tuple[str, ...] = Field((), description="What an imported config mentions and the model leaves out.")

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults(cls, data: Any) -> Any:
        """Resolve the defaults that depend on other fields, so that every reader sees plain numbers."""
        if not isinstance(data, dict):
            return data
        data = {key: value for key, value in data.items() if value is not None or key not in _DERIVED}
        heads, hidden = data.get("num_attention_heads"), data.get("hidden_size")
        if isinstance(heads, int) and heads > 0:
            data.setdefault("num_key_value_heads", heads)
            if isinstance(hidden, int) and "head_dim" not in data:
                if hidden % heads:
                    raise ValueError(
                        f"hidden_size={hidden} is not divisible by num_attention_heads={heads}. State head_dim."
                    )
                data["head_dim"] = hidden // heads
        if isinstance(hidden, int):
            data.setdefault("embedding_size", hidden)
        data.setdefault("norm_bias", data.get("norm") == "layernorm")
        data.setdefault("final_norm", data.get("norm_position", "pre") == "pre")
        data.setdefault("attention_output_bias", data.get("attention_bias", False))
        return data

    @model_validator(mode="after")
    def _check(self) -> Model:
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"num_key_value_heads={self.num_key_value_heads} does not divide "
                f"num_attention_heads={self.num_attention_heads}. Use a divisor."
            )
        if self.parallel_block and self.norm_position == "post":
            raise ValueError("parallel_block needs norm_position pre, got post")
        published = self.checks.parameters
        if published is not None and abs(self.num_parameters / published - 1) > CHECK_TOLERANCE:
            raise ValueError(
                f"checks.parameters is {published:.4g}, but the shapes give {self.num_parameters:.4g} "
                f"({self.num_parameters / published - 1:+.1%}). Correct the shapes or the published figure."
            )
        return self

    @property
    def q_size(self) -> int:
        """Width of all query heads."""
        return self.num_attention_heads * self.head_dim

    @property
    def kv_size(self) -> int:
        """Width of all key heads (and of all value heads)."""
        return self.num_key_value_heads * self.head_dim

    @property
    def position_rows(self) -> int:
        """Rows of the learned position table; 0 without one."""
        return self.max_position_embeddings + self.position_offset if self.position == "learned" else 0

    @cached_property
    def num_parameters(self) -> int:
        """Exact parameter count: embeddings, learned positions, projections, norms and biases; tied ones once."""
        embedding = self.vocab_size * self.embedding_size * (1 if self.tie_word_embeddings else 2)
        if self.embedding_size != self.hidden_size:
            embedding += 2 * self.embedding_size * self.hidden_size
        positions = self.position_rows * self.hidden_size
        final_norm = self._norm_parameters if self.final_norm else 0
        return embedding + positions + self.num_hidden_layers * self.num_block_parameters + final_norm

    @property
    def num_block_parameters(self) -> int:
        """Parameters of one decoder block."""
        qkv_size = self.q_size + 2 * self.kv_size
        up_size = self.intermediate_size * (2 if self.gated_mlp else 1)
        attention = self.hidden_size * (qkv_size + self.q_size)
        attention += self.attention_bias * qkv_size + self.attention_output_bias * self.hidden_size
        mlp = self.hidden_size * (up_size + self.intermediate_size)
        mlp += self.mlp_bias * (up_size + self.hidden_size)
        num_norms = self.num_parallel_norms if self.parallel_block else 2
        return attention + mlp + num_norms * self._norm_parameters

    @property
    def _norm_parameters(self) -> int:
        return self.hidden_size * (1 + self.norm_bias)

    def kv_bytes_per_token(self, kv_dtype: DType | None = None) -> int:
        """Bytes one cached token takes over all layers; KV heads count, not query heads."""
        return self.num_hidden_layers * (kv_dtype or self.torch_dtype).size_bytes(2 * self.kv_size)


_DERIVED = ("num_key_value_heads", "head_dim", "embedding_size", "norm_bias", "final_norm", "attention_output_bias")

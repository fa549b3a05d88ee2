"""A transformer as a frozen description: the keys of Hugging Face ``config.json``, and what those leave unsaid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from accelsim.config.schema import Spec
from accelsim.dtypes import DType, Format
from accelsim.workload.stored import Stored, read_dtype
from accelsim.workload.types import Types

#: Recomputed and published parameter counts may differ by this much (published ones are often rounded).
CHECK_TOLERANCE = 0.01
#: Active counts are published with two digits ("A22B") and with or without embeddings.
ACTIVE_TOLERANCE = 0.03

PositiveInt = Annotated[int, Field(gt=0)]


class ModelChecks(Spec):
    """Published figures the description must reproduce: all parameters within 1 %, active ones within 3 %."""

    parameters: float | None = Field(None, gt=0, description="Published parameter count.")
    active_parameters: float | None = Field(None, gt=0, description="Published parameters a token is multiplied by.")


@dataclass(frozen=True, slots=True)
class Layer:
    """What tells one layer of a model from another.

    Attributes:
        name: Name of its graph: ``decoder``, or ``decoder.`` and what distinguishes it in this model.
        block: Member of the block registry that builds it.
        window: Positions a token attends to at most; None: all.
    """

    name: str
    block: str
    window: int | None = None


class Model(Spec):
    """One decoder-only transformer, dense or with experts: shapes and structure, no weights, no batch.

    Fields named as in Hugging Face ``config.json`` mean the same.  Fields a config leaves to the code of its family
    (norm, position, gate, parallel block) are explicit here.  Layers may differ in two ways: some have experts
    (``first_k_dense_replace``, ``decoder_sparse_step``, ``mlp_only_layers``) and some attend to a window
    (``sliding_window_pattern``).

    Not modelled: encoders, layers that differ in shape, multi-token prediction, dropout, quantised storage with scales.

    Raises:
        pydantic.ValidationError: A value is impossible or a check fails; the loader turns it into a ConfigError.
    """

    schema_version: Literal[1] = Field(1, description="Version of this file format.")
    kind: Literal["model"] = Field("model", description="What the file describes.")
    name: str = Field("model", description="Name in reports.")
    description: str = Field("", description="Origin, decisions, what is left out.")
    source: str = Field("", description="Where the shapes come from.")
    block: str = Field(
        "dense", description="Member of the block registry that the layers are built from; default: moe with experts."
    )

    hidden_size: PositiveInt = Field(description="Width of the residual stream.")
    intermediate_size: PositiveInt = Field(description="Width inside the MLP (of one half, when gated).")
    num_hidden_layers: PositiveInt = Field(description="Decoder blocks.")
    vocab_size: PositiveInt = Field(description="Rows of the embedding table.")
    max_position_embeddings: PositiveInt = Field(description="Longest sequence the positions are made for.")
    num_attention_heads: PositiveInt = Field(description="Query heads.")
    num_key_value_heads: PositiveInt = Field(0, description="Key-value heads; default: as many as query heads.")
    head_dim: PositiveInt = Field(0, description="Elements of one head; default: hidden_size / num_attention_heads.")

    qk_norm: bool = Field(False, description="Whether each head of q and k is normalised (Qwen3, Gemma 3).")

    q_lora_rank: int = Field(0, ge=0, description="MLA: width of the compressed queries; 0: not compressed.")
    kv_lora_rank: int = Field(0, ge=0, description="MLA: width of the compressed keys and values; 0: no MLA.")
    qk_nope_head_dim: int = Field(0, ge=0, description="MLA: elements of a head of q and k that are not rotated.")
    qk_rope_head_dim: int = Field(0, ge=0, description="MLA: rotated elements, one set of keys for all heads.")
    v_head_dim: int = Field(0, ge=0, description="MLA: elements of a head of values.")

    num_experts: int = Field(0, ge=0, description="Routed experts of a sparse layer; 0: a dense model.")
    num_experts_per_tok: int = Field(0, ge=0, description="Routed experts of one token.")
    moe_intermediate_size: int = Field(0, ge=0, description="Width inside one expert; default: intermediate_size.")
    shared_expert_intermediate_size: int = Field(0, ge=0, description="Width of all shared experts together; 0: none.")
    shared_expert_gate: bool = Field(False, description="Whether a learned gate scales the shared experts (Qwen2).")
    router_bias: bool = Field(False, description="Whether the router has a bias per expert.")
    first_k_dense_replace: int = Field(0, ge=0, description="Layers from the first on that have no experts.")
    decoder_sparse_step: PositiveInt = Field(1, description="Layer i (from 0) has experts if i + 1 is a multiple.")
    mlp_only_layers: tuple[int, ...] = Field((), description="Layers without experts, counted from 0.")

    hidden_act: Literal["gelu", "relu", "silu"] = Field("silu", description="Activation function of the MLP.")
    gated_mlp: bool = Field(True, description="Whether the activation gates a second projection (SwiGLU, GeGLU).")
    norm: Literal["rmsnorm", "layernorm"] = Field("rmsnorm", description="Normalisation of the residual stream.")
    norm_bias: bool = Field(False, description="Whether norms have a bias; default: true for layernorm.")
    norm_position: Literal["pre", "post", "both"] = Field(
        "pre", description="Norm before each sublayer, after its addition, or before and after the sublayer (Gemma)."
    )
    final_norm: bool = Field(True, description="Whether a norm precedes the logits; default: unless norms are post.")
    parallel_block: bool = Field(False, description="Attention and MLP read the same input and are added together.")
    num_parallel_norms: Literal[1, 2] = Field(1, description="Norms of a parallel block: shared, or one per branch.")
    position: Literal["rope", "learned", "alibi", "none"] = Field("rope", description="How positions enter.")
    position_offset: int = Field(0, ge=0, description="Extra rows of a learned position table (OPT: 2).")
    sliding_window: PositiveInt | None = Field(None, description="Positions a token attends to at most; null: all.")
    sliding_window_pattern: PositiveInt = Field(
        1, description="Every so manyth layer attends to all positions, the others to the window; 1: all to the window."
    )
    tie_word_embeddings: bool = Field(False, description="Whether the logits reuse the embedding table.")
    embedding_size: PositiveInt = Field(0, description="Width of the embedding table; default: hidden_size.")
    attention_bias: bool = Field(False, description="Biases of the q, k and v projections.")
    attention_output_bias: bool = Field(False, description="Bias of the output projection; default: attention_bias.")
    mlp_bias: bool = Field(False, description="Biases of the MLP projections.")
    torch_dtype: Annotated[DType, BeforeValidator(read_dtype)] = Field(
        DType.BF16, description="Type of the weights, and of what is computed with them; of what stored does not name."
    )
    stored: Stored = Field(Stored(), description="Formats of weights that the release stores in fewer bits.")
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
        parts = data.get("qk_nope_head_dim"), data.get("qk_rope_head_dim")
        if data.get("kv_lora_rank") and all(isinstance(part, int) for part in parts):
            data.setdefault("head_dim", sum(parts))
        if data.get("num_experts"):
            data.setdefault("block", "moe")
            if isinstance(data.get("intermediate_size"), int):
                data.setdefault("moe_intermediate_size", data["intermediate_size"])
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
        data.setdefault("final_norm", data.get("norm_position", "pre") != "post")
        data.setdefault("attention_output_bias", data.get("attention_bias", False))
        return data

    @model_validator(mode="after")
    def _check(self) -> Model:
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"num_key_value_heads={self.num_key_value_heads} does not divide "
                f"num_attention_heads={self.num_attention_heads}. Use a divisor."
            )
        if self.parallel_block and self.norm_position != "pre":
            raise ValueError(f"parallel_block needs norm_position pre, got {self.norm_position}")
        self._check_latent_attention()
        self._check_experts()
        self._check_published("parameters", self.num_parameters, CHECK_TOLERANCE)
        self._check_published("active_parameters", self.num_active_parameters, ACTIVE_TOLERANCE)
        return self

    def _check_latent_attention(self) -> None:
        parts = {name: getattr(self, name) for name in _LATENT}
        if not self.kv_lora_rank:
            stated = [name for name in ("q_lora_rank", *_LATENT) if getattr(self, name)]
            if stated:
                raise ValueError(f"{', '.join(stated)} describe latent attention. State kv_lora_rank too.")
            return
        missing = [name for name, value in parts.items() if not value]
        if missing:
            raise ValueError(f"latent attention (kv_lora_rank={self.kv_lora_rank}) needs {', '.join(missing)} > 0.")
        if self.head_dim != self.qk_nope_head_dim + self.qk_rope_head_dim:
            raise ValueError(f"head_dim={self.head_dim} is not qk_nope_head_dim + qk_rope_head_dim. Leave it out.")
        if self.num_key_value_heads != self.num_attention_heads:
            raise ValueError(
                "latent attention has as many key-value heads as query heads. Leave num_key_value_heads out."
            )
        if self.position != "rope" or self.sliding_window or self.qk_norm:
            raise ValueError("latent attention is modelled with position rope, no sliding_window and no qk_norm.")

    def _check_experts(self) -> None:
        if not self.num_experts:
            stated = [name for name in _EXPERTS if getattr(self, name) != type(self).model_fields[name].default]
            if stated:
                raise ValueError(f"{', '.join(stated)} describe experts. State num_experts too.")
            return
        if not 1 <= self.num_experts_per_tok <= self.num_experts:
            raise ValueError(f"num_experts_per_tok={self.num_experts_per_tok} must be in 1..{self.num_experts}.")
        if self.parallel_block or self.norm_position == "post":
            raise ValueError(
                "experts are modelled behind a norm of their own: norm_position pre or both, no parallel_block."
            )
        if not any(self.is_sparse(i) for i in range(self.num_hidden_layers)):
            raise ValueError("no layer has experts: check first_k_dense_replace, decoder_sparse_step, mlp_only_layers.")

    def _check_published(self, name: str, counted: int, tolerance: float) -> None:
        published = getattr(self.checks, name)
        if published is not None and abs(counted / published - 1) > tolerance:
            raise ValueError(
                f"checks.{name} is {published:.4g}, but the shapes give {counted:.4g} "
                f"({counted / published - 1:+.1%}). Correct the shapes or the published figure."
            )

    def is_sparse(self, layer: int) -> bool:
        """Whether the layer of that number, from 0, has experts."""
        is_stepped = (layer + 1) % self.decoder_sparse_step == 0
        return (
            self.num_experts > 0
            and is_stepped
            and layer >= self.first_k_dense_replace
            and layer not in self.mlp_only_layers
        )

    def _window(self, layer: int) -> int | None:
        attends_to_all = self.sliding_window_pattern > 1 and (layer + 1) % self.sliding_window_pattern == 0
        return None if attends_to_all else self.sliding_window

    @cached_property
    def layers(self) -> tuple[tuple[Layer, int], ...]:
        """Runs of equal layers in order: the layer and how often it follows itself."""
        kinds = [(self.is_sparse(i), self._window(i)) for i in range(self.num_hidden_layers)]
        sparse, windows = {kind[0] for kind in kinds}, {kind[1] for kind in kinds}

        def layer(is_sparse: bool, window: int | None) -> Layer:
            words = ["experts" if is_sparse else "dense"] if len(sparse) > 1 else []
            words += ["global" if window is None else "local"] if len(windows) > 1 else []
            block = self.block if is_sparse or not self.num_experts else "dense"
            return Layer(".".join(["decoder", *words]), block, window)

        return tuple((layer(*kind), len(list(run))) for kind, run in groupby(kinds))

    @cached_property
    def num_sparse_layers(self) -> int:
        """Layers with experts."""
        return sum(self.is_sparse(i) for i in range(self.num_hidden_layers))

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
        dense = self.num_hidden_layers - self.num_sparse_layers
        blocks = self.num_hidden_layers * self._attention_parameters + dense * self._mlp_parameters
        return self._end_parameters + blocks + self.num_sparse_layers * self._sparse_parameters(self.num_experts)

    @cached_property
    def num_active_parameters(self) -> int:
        """Parameters that one token meets: all but the experts it is not routed to."""
        idle = self.num_experts - self.num_experts_per_tok
        return self.num_parameters - self.num_sparse_layers * idle * self._expert_parameters

    @property
    def _end_parameters(self) -> int:
        embedding = self.vocab_size * self.embedding_size * (1 if self.tie_word_embeddings else 2)
        if self.embedding_size != self.hidden_size:
            embedding += 2 * self.embedding_size * self.hidden_size
        final_norm = self._norm_parameters if self.final_norm else 0
        return embedding + self.position_rows * self.hidden_size + final_norm

    @property
    def _attention_parameters(self) -> int:
        """Attention of one layer, and the norms of both its sublayers."""
        num_norms = self.num_parallel_norms if self.parallel_block else 4 if self.norm_position == "both" else 2
        norms = num_norms * self._norm_parameters + (2 * self.head_dim if self.qk_norm else 0)
        biases = self.attention_output_bias * self.hidden_size
        if self.kv_lora_rank:
            return norms + biases + self._latent_parameters
        qkv_size = self.q_size + 2 * self.kv_size
        return norms + biases + self.hidden_size * (qkv_size + self.q_size) + self.attention_bias * qkv_size

    @property
    def _latent_parameters(self) -> int:
        heads, rank = self.num_attention_heads, self.kv_lora_rank
        compressed = rank + self.qk_rope_head_dim
        parameters = self.hidden_size * compressed + rank  # down projection with the rotated key, norm of the latent
        parameters += rank * heads * (self.qk_nope_head_dim + self.v_head_dim)
        parameters += heads * self.v_head_dim * self.hidden_size
        parameters += self.attention_bias * (compressed + self.q_lora_rank)
        if self.q_lora_rank:
            return parameters + self.q_lora_rank * (self.hidden_size + 1 + self.q_size)
        return parameters + self.hidden_size * self.q_size

    @property
    def _mlp_parameters(self) -> int:
        return self._feed_forward_parameters(self.intermediate_size)

    @property
    def _expert_parameters(self) -> int:
        return self._feed_forward_parameters(self.moe_intermediate_size)

    def _sparse_parameters(self, num_experts: int) -> int:
        """Router, ``num_experts`` routed experts and the shared ones of one layer."""
        router = self.num_experts * (self.hidden_size + self.router_bias) + self.shared_expert_gate * self.hidden_size
        shared = self.shared_expert_intermediate_size
        shared_parameters = self._feed_forward_parameters(shared) if shared else 0
        return router + num_experts * self._expert_parameters + shared_parameters

    def _feed_forward_parameters(self, width: int) -> int:
        up_size = width * (2 if self.gated_mlp else 1)
        return self.hidden_size * (up_size + width) + self.mlp_bias * (up_size + self.hidden_size)

    @property
    def _norm_parameters(self) -> int:
        return self.hidden_size * (1 + self.norm_bias)

    @property
    def wide(self) -> DType:
        """Type of activations and of all that is not stored in fewer bits: the model's own one, or bf16."""
        return self.torch_dtype if self.torch_dtype.bits >= DType.BF16.bits else DType.BF16

    @property
    def own_types(self) -> Types:
        """Types of a run of the model as it is stored."""
        return self.released.types(self.wide)

    @property
    def released(self) -> Stored:
        """What is stored how; a narrow type of everything is one of the linear layers."""
        if self.wide is self.torch_dtype or self.stored.linear is not None:
            return self.stored
        return self.stored.model_copy(update={"linear": Format.parse(self.torch_dtype.value)})

    def kv_bytes_per_token(self, kv_dtype: DType | None = None) -> int:
        """Bytes one cached token takes over all layers: KV heads, not query heads; of MLA the latent and a key."""
        elements = self.kv_lora_rank + self.qk_rope_head_dim if self.kv_lora_rank else 2 * self.kv_size
        return self.num_hidden_layers * (kv_dtype or self.own_types.kv).size_bytes(elements)


_LATENT = ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
_EXPERTS = (
    "num_experts_per_tok",
    "moe_intermediate_size",
    "shared_expert_intermediate_size",
    "shared_expert_gate",
    "router_bias",
    "first_k_dense_replace",
    "decoder_sparse_step",
    "mlp_only_layers",
)
_DERIVED = ("num_key_value_heads", "head_dim", "embedding_size", "norm_bias", "final_norm", "attention_output_bias")

"""A transformer as a frozen description: the keys of Hugging Face ``config.json``, and what those leave unsaid."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from pydantic import Field

from accelsim.config.schema import Spec
from accelsim.dtypes import DType
from accelsim.workload.build import build_segments, build_traversal
from accelsim.workload.description import Description
from accelsim.workload.graph import Segment, Workload
from accelsim.workload.recipe import Recipe
from accelsim.workload.traversal import Traversal

#: Recomputed and published parameter counts may differ by this much (published ones are often rounded).
CHECK_TOLERANCE = 0.01
#: Active counts are published with two digits ("A22B") and with or without embeddings.
ACTIVE_TOLERANCE = 0.03


class ModelChecks(Spec):
    """Published figures the description must reproduce: all parameters within 1 %, active ones within 3 %."""

    parameters: float | None = Field(None, gt=0, le=1e18, description="Published parameter count.")
    active_parameters: float | None = Field(
        None, gt=0, le=1e18, description="Published parameters a token is multiplied by."
    )


class Model(Description):
    """One decoder-only transformer, dense or with experts: shapes and structure, no weights, no batch.

    Fields named as in Hugging Face ``config.json`` mean the same.  Fields a config leaves to the code of its family
    (norm, position, gate, parallel block) are explicit here.  Each feature declares its own
    (:mod:`accelsim.workload.features`).  Layers may differ in two ways: some have experts (``first_k_dense_replace``,
    ``decoder_sparse_step``, ``mlp_only_layers``) and some attend to a window (``sliding_window_pattern``).  Counts are
    read off the operators of one token.

    Not modelled: encoders, layers that differ in shape, multi-token prediction, dropout.

    Raises:
        ConfigError: A value is impossible or a check fails.
    """

    is_fixed: ClassVar[bool] = False

    checks: ModelChecks = Field(ModelChecks(), description="Published figures, recomputed at load.")

    def check(self) -> None:
        """The published figures, where any are stated."""
        super().check()
        for name, tolerance in (("parameters", CHECK_TOLERANCE), ("active_parameters", ACTIVE_TOLERANCE)):
            published = getattr(self.checks, name)
            if published is not None:
                self._check_published(name, published, tolerance)

    def _check_published(self, name: str, published: float, tolerance: float) -> None:
        counted: int = getattr(self, f"num_{name}")
        if abs(counted / published - 1) > tolerance:
            raise ValueError(
                f"checks.{name} is {published:.4g}, but the shapes give {counted:.4g} "
                f"({counted / published - 1:+.1%}). Correct the shapes or the published figure."
            )

    def build(self, traversal: Traversal, recipe: Recipe | None = None) -> Workload:
        """The workload of one traversal; see :func:`~accelsim.workload.build.build_traversal`.

        Args:
            traversal: The tokens.
            recipe: How they are computed; None takes the model's own types, as it is stored.

        Raises:
            ConfigError: They do not fit a learned position table.
        """
        return build_traversal(self, traversal, recipe)

    def segments(self, traversal: Traversal, recipe: Recipe) -> tuple[Segment, ...]:
        """The segments of a piece of a phase, however long.

        Args:
            traversal: The tokens.
            recipe: How they are computed.
        """
        return build_segments(self, traversal, recipe)

    @cached_property
    def sample(self) -> Workload:
        """What one token without any before it computes: every weight is there, and a cache of one position."""
        return self.build(Traversal.uniform(batch=1, new=1))

    @cached_property
    def num_parameters(self) -> int:
        """Exact parameter count: embeddings, learned positions, projections, norms and biases; tied ones once."""
        return self.sample.num_parameters

    @cached_property
    def num_active_parameters(self) -> int:
        """Parameters that one token meets: all but the experts it is not routed to."""
        return self.sample.num_active_parameters

    def kv_bytes_per_token(self, kv_dtype: DType | None = None) -> int:
        """Bytes one cached token takes over all layers, windows not looked at.

        KV heads, not query heads; of latent attention the latent and a key.
        """
        dtype = kv_dtype or self.own_types.kv
        return sum(
            segment.repeat * dtype.size_bytes(sum(tensor.num_elements for tensor in segment.graph.stored_positions))
            for segment in self.sample.segments
        )

"""Kernels that exchange tokens between the chips that hold a model's experts, as a level's file describes them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from accelsim.config.bounds import Whole
from accelsim.config.quantity import BytesPerS, Fraction, Seconds
from accelsim.config.schema import Spec


class ExchangeSpec(Spec):
    """One direction of an exchange; few physical numbers, the same for every shape.

    A call takes ``launch + expert x experts + bytes over the link / (efficiency x bandwidth) + tokens per core x
    (token + bytes of the token / token_bandwidth)``.
    """

    launch_s: Seconds = Field(0.0, description="Time of one call whatever the size.")
    expert_s: Seconds = Field(0.0, description="Time per expert of the model: its counter is sent and awaited.")
    efficiency: Fraction = Field(1.0, gt=0, description="Share of the link bandwidth that messages reach.")
    token_s: Seconds = Field(0.0, description="Time of a token on the core that sends or adds up its copies.")
    token_bandwidth_bytes_per_s: BytesPerS | None = Field(
        None, gt=0, description="Rate at which one core casts (dispatch) or adds (combine); default: no limit."
    )


class ExpertKernelSpec(Spec):
    """A pair of kernels: dispatch sends tokens to their experts, combine brings the results back.

    ``direct`` sends one message per token and expert over the links of this level (low latency); ``forward`` sends a
    token once to each group inside that holds an expert of it and passes it on there (normal, high throughput).
    """

    pattern: Literal["direct", "forward"] = Field(description="How tokens travel: direct or forward.")
    dispatch: ExchangeSpec = Field(description="Tokens to experts, fp8 with scales.")
    combine: ExchangeSpec = Field(description="Results back, bf16.")
    measured: dict[str, tuple[Whole, Whole]] = Field(
        default_factory=dict, description="Smallest and largest tokens, hidden, topk, num_experts and ranks measured."
    )

"""How a traversal of a model is computed: what is left open by its shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from accelsim.arguments import checked_call
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.workload.routing import RANDOM, Routing
from accelsim.workload.types import Types

AttentionName = Literal["flash", "standard"]
LogitsName = Literal["last", "all"]
#: What the KV cache of a layer with a window keeps room for: its window, or the full length of a sequence.
KvWindowName = Literal["window", "full"]


@checked_call("Recipe.of(DType.BF16)", types=Types)
@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is computed.

    Attributes:
        types: Element types by role.
        attention: ``"flash"`` is one operator, ``"standard"`` is Gemm, Softmax, Gemm with the scores in memory.
        logits: Positions per sequence whose logits are computed: the ``"last"`` one, as serving engines do, or
            ``"all"``.
        routing: How tokens spread over experts.
        kv_reserve: Positions of a sequence that the cache of a layer with a window keeps room for; 0: those of its
            window.

    Raises:
        ConfigError: Unknown attention or logits.
    """

    types: Types
    attention: AttentionName = "flash"
    logits: LogitsName = "last"
    routing: Routing = RANDOM
    kv_reserve: int = 0

    @classmethod
    def of(
        cls,
        dtype: DType,
        attention: AttentionName = "flash",
        logits: LogitsName = "last",
        routing: Routing = RANDOM,
    ) -> Recipe:
        """The recipe with one element type for every role.

        Args:
            dtype: Of every role.
            attention: ``"flash"`` or ``"standard"``.
            logits: ``"last"`` or ``"all"``.
            routing: Of tokens over experts.
        """
        return cls(Types.of(dtype), attention, logits, routing)

    def __post_init__(self) -> None:
        if self.attention not in ("flash", "standard"):
            raise ConfigError(f"unknown attention {self.attention!r}. Known: flash, standard.")
        if self.logits not in ("last", "all"):
            raise ConfigError(f"unknown logits {self.logits!r}. Known: all, last.")

"""What an attention of a layer is: a builder over the new tokens, found by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accelsim.registry import Registry
from accelsim.workload.layer import Layer
from accelsim.workload.tensor import Tensor
from accelsim.workload.wiring import Wiring

#: Attention of the new tokens ``x[..., hidden]`` over cache and new tokens, projected back; the wiring is of a model
#: that has the fields of the feature beside which the builder lies.
AttentionBuilder = Callable[[Wiring[Any], Layer, Tensor], Tensor]

#: Name -> builder; a new attention is one file in ``features/`` with this decorator.
ATTENTIONS: Registry[AttentionBuilder] = Registry("attention", "accelsim.workload.features")
register_attention = ATTENTIONS.register

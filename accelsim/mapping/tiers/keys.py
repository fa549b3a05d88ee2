"""Keys of a plan that say in which memory tensors lie."""

from __future__ import annotations

from accelsim.mapping.plan_keys import PlanKey, Word
from accelsim.workload.tensor import Role

_DEFAULT = "Default: the fastest that holds them, those that are read most per byte first."
WEIGHTS_IN = PlanKey(
    "weights_in", Word(), f"Memory of a chip that holds the weights (sram, hbm, a name of chip.behind). {_DEFAULT}"
)
KV_IN = PlanKey("kv_in", Word(), f"Memory of a chip that holds the KV cache. {_DEFAULT}")
ACTIVATIONS_IN = PlanKey("activations_in", Word(), f"Memory of a chip that holds activations. {_DEFAULT}")

#: The key that decides over the tensors of a role.
KEY_OF_ROLE = {Role.WEIGHT: WEIGHTS_IN, Role.KV_CACHE: KV_IN, Role.ACTIVATION: ACTIVATIONS_IN}
TIER_KEYS = tuple(KEY_OF_ROLE.values())

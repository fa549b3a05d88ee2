"""How tokens spread over experts: distinct experts touched, copies sent, and the load of the fullest rank.

A router gives each token ``top_k`` of ``num_experts`` experts.  Which ones depends on the text; three assumptions are
offered, all in closed form and therefore without a seed:

============  ==========================================================================================
``random``    every set of ``top_k`` experts is equally likely, tokens are independent of each other
``balanced``  experts get equally many tokens, as benchmarks of kernels route them
a factor      as ``random``, and the fullest rank gets that many times the mean of the ranks (measured logs)
============  ==========================================================================================

Not modelled: favourite experts (beyond the factor), groups of experts that a router is confined to, capacity limits
that drop tokens, experts stored more than once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from accelsim.errors import ConfigError

#: Half the width of the window of the binomial distribution that is summed, in standard deviations.
_WINDOW = 10.0


@dataclass(frozen=True, slots=True)
class Routing:
    """An assumption on how tokens spread over experts.

    Attributes:
        kind: ``random``, ``balanced`` or ``factor``.
        factor: Load of the fullest rank over the mean of the ranks; only of kind ``factor``.

    Raises:
        ConfigError: Unknown kind, or a factor below 1.

    Examples:
        >>> Routing.parse("balanced").distinct(num_experts=8, top_k=2, tokens=1)
        2.0
        >>> round(Routing.parse("random").distinct(num_experts=256, top_k=8, tokens=32), 1)  # 256 (1 - (1 - 1/32)^32)
        163.3
        >>> Routing.parse("1.3").load(num_experts=256, top_k=8, tokens=4096, ranks=32)
        1.3
    """

    kind: str = "random"
    factor: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ("random", "balanced", "factor"):
            raise ConfigError(f"routing: unknown kind {self.kind!r}. Known: random, balanced, or a factor such as 1.3.")
        if not (math.isfinite(self.factor) and self.factor >= 1.0):
            raise ConfigError(f"routing: the fullest rank has at least the mean; use a factor >= 1, got {self.factor}.")

    @classmethod
    def parse(cls, text: str) -> Routing:
        """Routing of ``random``, ``balanced`` or a number.

        Raises:
            ConfigError: It is none of these.
        """
        try:
            factor = float(text)
        except ValueError:
            return cls(text)
        return cls("factor", factor)

    def __str__(self) -> str:
        return f"{self.factor:g}" if self.kind == "factor" else self.kind

    def distinct(self, num_experts: int, top_k: int, tokens: int) -> float:
        """Expected number of experts that get at least one of ``tokens`` tokens.

        A token misses a given expert with probability ``1 - top_k / num_experts``, so of ``num_experts`` experts
        ``num_experts (1 - (1 - top_k / num_experts)^tokens)`` are touched; balanced routing touches as many as it can.

        Args:
            num_experts: Experts of a layer.
            top_k: Of them, those of a token.
            tokens: Tokens routed.
        """
        if self.kind == "balanced":
            return float(min(num_experts, tokens * top_k))
        return num_experts * (1.0 - (1.0 - top_k / num_experts) ** tokens)

    def load(self, num_experts: int, top_k: int, tokens: int, ranks: int) -> float:
        """Expected tokens-times-experts of the fullest of ``ranks`` ranks, over the mean of the ranks.

        Args:
            num_experts: Experts of the layer.
            top_k: Experts of one token.
            tokens: Tokens of all ranks.
            ranks: Over which experts are divided.
        """
        if ranks <= 1 or self.kind == "balanced":
            return 1.0
        if self.kind == "factor":
            return min(self.factor, float(ranks))
        return expected_maximum(num_experts, top_k, tokens, ranks) * ranks / (tokens * top_k)


#: What is assumed where nothing is said.
RANDOM = Routing()


def copies(num_experts: int, top_k: int, ranks: int) -> float:
    """Expected ranks that hold at least one of a token's experts: the copies that a dispatch sends of it.

    A rank with ``s`` of the experts holds none of the ``top_k`` with the hypergeometric probability
    ``C(num_experts - s, top_k) / C(num_experts, top_k)``.

    Args:
        num_experts: Experts of a layer.
        top_k: Experts that a token is sent to.
        ranks: Ranks that hold equal shares of them.

    Examples:
        >>> copies(num_experts=256, top_k=8, ranks=1), round(copies(num_experts=256, top_k=8, ranks=32), 2)
        (1.0, 7.27)
    """
    share = -(-num_experts // ranks)
    none = math.prod(max(0, num_experts - share - i) / (num_experts - i) for i in range(top_k))
    return min(float(ranks), top_k, num_experts / share * (1.0 - none)) if ranks > 1 else 1.0


@lru_cache(maxsize=65536)
def expected_maximum(num_experts: int, top_k: int, tokens: int, ranks: int) -> float:
    """Expected rows of the fullest of ``ranks`` ranks when ``tokens`` tokens draw ``top_k`` experts each at random.

    The rows of one rank are close to binomial over ``tokens * top_k`` draws.  The mean of the largest of ``ranks``
    independent ones follows from their distribution; its distance from the mean is then scaled by
    ``sqrt(ranks / (ranks - 1))``, because rows of different ranks add up to a constant, and by
    ``sqrt((num_experts - top_k) / (num_experts - 1))``, because a token never draws an expert twice.  Exact for many
    tokens; the tests hold it against drawn routings.

    Args:
        num_experts: Experts.
        top_k: Of a token.
        tokens: Tokens.
        ranks: Ranks whose fullest is looked for.

    Source:
        David and Nagaraja, *Order Statistics*, 2003, section 3.1 (mean of the largest); variance of the
        hypergeometric distribution.
    """
    draws, chance = tokens * top_k, 1.0 / ranks
    mean = draws * chance
    sd = math.sqrt(draws * chance * (1.0 - chance))
    low = max(0, math.floor(mean - _WINDOW * sd - _WINDOW))
    high = min(draws, math.ceil(mean + _WINDOW * sd + _WINDOW))
    x = np.arange(low, high + 1, dtype=np.float64)
    step = np.log((draws - x[:-1]) / (x[:-1] + 1.0)) + math.log(chance / (1.0 - chance))
    log_weight = np.concatenate([[0.0], np.cumsum(step)])
    weight = np.exp(log_weight - log_weight.max())
    below = np.cumsum(weight) / weight.sum()
    largest = low + float((1.0 - below**ranks).sum())
    spread = math.sqrt(ranks / (ranks - 1.0))
    if num_experts > 1:
        spread *= math.sqrt((num_experts - top_k) / (num_experts - 1.0))
    most = tokens * min(top_k, -(-num_experts // ranks))
    return float(min(max(mean + spread * (largest - mean), mean, 1.0), most))

"""Load of a rank's experts where a benchmark draws the tokens of experts from a power law.

The tokens of an expert are drawn with a density ``x^-a`` between 1 and 0.8 of all tokens (of few tokens: between 0.01
and 2), scaled so that they sum to all routes, and the rank with the fullest experts is timed: the routing of
aiconfigurator's collectors.  Here the law's own quantiles stand for the draws, and the mean over orders of the experts
for the fullest rank, so that nothing depends on a seed of theirs.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_ORDERS = 32
_SEED = 0


@cache
def fullest_rank(tokens: int, top_k: int, num_experts: int, ranks: int, exponent: float) -> tuple[float, float]:
    """Routes of the fullest rank over the mean of the ranks, and its experts that get a token.

    Args:
        tokens: Tokens of the layer.
        top_k: Experts of a token.
        num_experts: Experts of the layer.
        ranks: Ranks that hold equal shares of them.
        exponent: ``a`` of the law, not negative.
    """
    routes = tokens * top_k
    low, high = (1.0, max(1.0 + 1e-6, 0.8 * tokens)) if routes > num_experts else (0.01, 2.0)
    quantiles = (np.arange(num_experts) + 0.5) / num_experts
    if abs(exponent - 1.0) < 1e-9:
        drawn = low * (high / low) ** quantiles
    else:
        power = 1.0 - exponent
        drawn = (low**power + quantiles * (high**power - low**power)) ** (1.0 / power)
    loads = np.minimum(drawn * routes / drawn.sum(), tokens)
    loads *= routes / loads.sum()
    rng = np.random.default_rng(_SEED)
    share = max(1, num_experts // ranks)
    sums, touched = [], []
    for _ in range(_ORDERS if ranks > 1 else 1):
        groups = rng.permutation(loads)[: share * ranks].reshape(ranks, share)
        fullest = groups[np.argmax(groups.sum(axis=1))]
        sums.append(fullest.sum())
        touched.append(np.minimum(1.0, fullest).sum())
    return float(np.mean(sums)) * ranks / routes, max(1.0, float(np.mean(touched)))

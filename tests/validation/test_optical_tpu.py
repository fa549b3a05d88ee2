"""Circuit switches of TPU v4 against published gains: twisted tori.

``python tests/validation/test_optical_tpu.py`` prints prediction, published figure and error.

The prediction is the bound of the fullest link with traffic split evenly over all shortest ways; the published figures
are measured ratios of all-to-all throughput, so a prediction above them is expected.
"""

from __future__ import annotations

import pytest

from accelsim.network.optical import TwistedTorus, canonical_twist

#: Jouppi et al., *TPU v4*, ISCA 2023, section 2.8: all-to-all of a twisted over a regular torus.
PUBLISHED = {(4, 4, 8): 1.63, (4, 8, 8): 1.31}


def split_gain(shape: tuple[int, ...]) -> float:
    """Gain with traffic split over all shortest ways."""
    twisted = TwistedTorus(shape, canonical_twist(shape))
    return TwistedTorus.regular(shape).uniform_s(1.0, 50e9) / twisted.uniform_s(1.0, 50e9)


@pytest.mark.parametrize("shape", PUBLISHED)
def test_gain_of_the_twisted_torus_is_within_ten_percent_of_the_measured_one(shape: tuple[int, ...]) -> None:
    assert split_gain(shape) == pytest.approx(PUBLISHED[shape], rel=0.10)


if __name__ == "__main__":
    for shape, published in PUBLISHED.items():
        gain = split_gain(shape)
        print(f"{'x'.join(map(str, shape))}: {gain:.3f}, published {published}, {gain / published - 1:+.1%}")

"""Numbers that a study takes unless told otherwise, for front ends that show them without importing what simulates."""

from __future__ import annotations

#: Plans run in full.
BEST_PLANS = 10

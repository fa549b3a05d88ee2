"""Causes of time that cost models share, each one that a change of the machine can move by itself."""

from __future__ import annotations

#: Cycles that cores spend whatever the sizes: starting a vector instruction, filling an array, padding rows to it.
FIXED_CYCLES = "fixed cycles"
#: What arithmetic takes longer because clocks fall where a chip would draw more than its limit.
POWER_LIMIT = "power limit"
#: Causes of time that the clock of the cores moves.
CLOCKED = ("compute", "vector", FIXED_CYCLES)
#: Between chips bytes take their time that no work hides; whatever the bytes, calls wait for the latency of their steps
#: and for their own launch.
LINK_BYTES, LINK_LATENCY, COLLECTIVE_LAUNCH = "exposed communication", "link latency", "collective launch"

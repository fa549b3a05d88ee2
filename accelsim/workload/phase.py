"""Phases: what a run works on, as traversals of the model.  Each is a file in ``phases/``; here all are at hand."""

from __future__ import annotations

from accelsim.workload.phases.base import PHASES, Phase, PhaseField, phase_of
from accelsim.workload.phases.decode import Decode
from accelsim.workload.phases.mixed import Mixed
from accelsim.workload.phases.prefill import Prefill
from accelsim.workload.phases.training import Training

__all__ = ["PHASES", "Decode", "Mixed", "Phase", "PhaseField", "Prefill", "Training", "phase_of"]

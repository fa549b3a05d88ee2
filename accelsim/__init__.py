"""accelsim: how long a transformer takes on a machine, which bytes move where, and why.

The names below are the public API; they are imported on first use, so ``import accelsim`` costs nothing.

Examples:
    >>> from accelsim import Decode, simulate
    >>> result = simulate("llama3-8b", "cerebras-cs2", Decode(batch=1, context=2048), "region=360x360")
    >>> result.bottleneck.cause
    'noc'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accelsim.catalog import Catalog
    from accelsim.dtypes import DType
    from accelsim.engine.program import Program, run_program
    from accelsim.engine.run import simulate as simulate_tasks
    from accelsim.engine.taskgraph import TaskGraph, TaskGraphBuilder
    from accelsim.errors import AccelsimError, CapacityError, ConfigError
    from accelsim.hardware.chip import Chip
    from accelsim.hardware.system import System, load_chip, load_system
    from accelsim.mapping.plan import Plan
    from accelsim.pipeline import simulate
    from accelsim.results.result import Result
    from accelsim.results.saved import load_result
    from accelsim.workload.build import build_workload
    from accelsim.workload.formats.hf import load_model
    from accelsim.workload.graph import OperatorGraph, Workload
    from accelsim.workload.model import Model
    from accelsim.workload.phase import Decode, Prefill

__version__ = "0.1.0"

_HOME = {
    "AccelsimError": "accelsim.errors",
    "CapacityError": "accelsim.errors",
    "Catalog": "accelsim.catalog",
    "Chip": "accelsim.hardware.chip",
    "ConfigError": "accelsim.errors",
    "DType": "accelsim.dtypes",
    "Decode": "accelsim.workload.phase",
    "Model": "accelsim.workload.model",
    "OperatorGraph": "accelsim.workload.graph",
    "Plan": "accelsim.mapping.plan",
    "Prefill": "accelsim.workload.phase",
    "Program": "accelsim.engine.program",
    "Result": "accelsim.results.result",
    "System": "accelsim.hardware.system",
    "TaskGraph": "accelsim.engine.taskgraph",
    "TaskGraphBuilder": "accelsim.engine.taskgraph",
    "Workload": "accelsim.workload.graph",
    "build_workload": "accelsim.workload.build",
    "load_chip": "accelsim.hardware.system",
    "load_result": "accelsim.results.saved",
    "load_model": "accelsim.workload.formats.hf",
    "load_system": "accelsim.hardware.system",
    "run_program": "accelsim.engine.program",
    "simulate": "accelsim.pipeline",
    "simulate_tasks": "accelsim.engine.run",
}

__all__ = [  # noqa: RUF022  (one line per name, in the order of the stages)
    "simulate",
    "Catalog",
    "DType",
    "AccelsimError",
    "CapacityError",
    "ConfigError",
    "Model",
    "load_model",
    "Prefill",
    "Decode",
    "OperatorGraph",
    "Workload",
    "build_workload",
    "Chip",
    "System",
    "load_chip",
    "load_system",
    "Plan",
    "TaskGraph",
    "TaskGraphBuilder",
    "Program",
    "run_program",
    "simulate_tasks",
    "Result",
    "load_result",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'accelsim' has no attribute {name!r}")
    module = importlib.import_module(_HOME[name])
    value = globals()[name] = getattr(module, "simulate" if name == "simulate_tasks" else name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])

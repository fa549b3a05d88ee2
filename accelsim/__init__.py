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
    from accelsim.case.case import Case
    from accelsim.catalog import Catalog
    from accelsim.dtypes import DType, Format
    from accelsim.engine.program import Program, run_program
    from accelsim.engine.run import simulate as simulate_tasks
    from accelsim.engine.taskgraph import TaskGraph, TaskGraphBuilder
    from accelsim.errors import AccelsimError, CapacityError, ConfigError
    from accelsim.exploration import explore
    from accelsim.hardware.chip import Chip
    from accelsim.hardware.graph import system_of_graph
    from accelsim.hardware.save import save_system
    from accelsim.hardware.system import System, load_chip, load_system
    from accelsim.mapping.plan import Plan
    from accelsim.pipeline import simulate
    from accelsim.placing import place
    from accelsim.results.result import Result
    from accelsim.results.saved import load_result
    from accelsim.study.compare import compare, diff
    from accelsim.study.sensitivity import sensitivity
    from accelsim.version import VERSION as __version__  # noqa: F401
    from accelsim.workload.build import build_workload
    from accelsim.workload.formats.hf import load_model
    from accelsim.workload.graph import OperatorGraph, Workload
    from accelsim.workload.model import Model
    from accelsim.workload.phase import Decode, Mixed, Prefill, Training
    from accelsim.workload.recipe import Recipe
    from accelsim.workload.traversal import Span
    from accelsim.workload.types import Types

#: Public name -> module, or module and name there; in the order of the stages.
_HOME = {
    "simulate": "accelsim.pipeline",
    "compare": "accelsim.study.compare",
    "place": "accelsim.placing",
    "sensitivity": "accelsim.study.sensitivity",
    "diff": "accelsim.study.compare",
    "explore": "accelsim.exploration",
    "Case": "accelsim.case.case",
    "Catalog": "accelsim.catalog",
    "DType": "accelsim.dtypes",
    "Format": "accelsim.dtypes",
    "Types": "accelsim.workload.types",
    "AccelsimError": "accelsim.errors",
    "CapacityError": "accelsim.errors",
    "ConfigError": "accelsim.errors",
    "Model": "accelsim.workload.model",
    "load_model": "accelsim.workload.formats.hf",
    "Prefill": "accelsim.workload.phase",
    "Training": "accelsim.workload.phase",
    "Decode": "accelsim.workload.phase",
    "Mixed": "accelsim.workload.phase",
    "Span": "accelsim.workload.traversal",
    "Recipe": "accelsim.workload.recipe",
    "OperatorGraph": "accelsim.workload.graph",
    "Workload": "accelsim.workload.graph",
    "build_workload": "accelsim.workload.build",
    "Chip": "accelsim.hardware.chip",
    "System": "accelsim.hardware.system",
    "load_chip": "accelsim.hardware.system",
    "load_system": "accelsim.hardware.system",
    "system_of_graph": "accelsim.hardware.graph",
    "save_system": "accelsim.hardware.save",
    "Plan": "accelsim.mapping.plan",
    "TaskGraph": "accelsim.engine.taskgraph",
    "TaskGraphBuilder": "accelsim.engine.taskgraph",
    "Program": "accelsim.engine.program",
    "run_program": "accelsim.engine.program",
    "simulate_tasks": "accelsim.engine.run:simulate",
    "Result": "accelsim.results.result",
    "load_result": "accelsim.results.saved",
    "__version__": "accelsim.version:VERSION",
}

__all__ = [  # noqa: RUF022  (one line per name, in the order of the stages)
    "simulate",
    "compare",
    "place",
    "sensitivity",
    "diff",
    "explore",
    "Case",
    "Catalog",
    "DType",
    "Format",
    "Types",
    "AccelsimError",
    "CapacityError",
    "ConfigError",
    "Model",
    "load_model",
    "Prefill",
    "Decode",
    "Mixed",
    "Training",
    "Span",
    "Recipe",
    "OperatorGraph",
    "Workload",
    "build_workload",
    "Chip",
    "System",
    "load_chip",
    "load_system",
    "system_of_graph",
    "save_system",
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
    module, _, attribute = _HOME[name].partition(":")
    value = globals()[name] = getattr(importlib.import_module(module), attribute or name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

"""Play with a placement: swap groups on the floor and see what the simulator says.

Examples:
    >>> from accelsim import Case, Decode
    >>> from accelsim.exploration import Exploration
    >>> plan = "execution=spatial,granularity=layer,chunk=1"
    >>> floor = Exploration(Case("gpt2-xl", "cerebras-cs2", Decode(1, 64), plan))
    >>> floor.swap("decoder0", "decoder40")
    >>> floor.now.report.byte_hops > floor.placed.report.byte_hops
    True
    >>> floor.undo()
    >>> floor.now is floor.placed
    True
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from accelsim.arguments import checked_call
from accelsim.case.case import Case
from accelsim.exploration.floor import DEFAULT_BUDGET, Exploration
from accelsim.mapping.plan import Plan, spatial_plan

if TYPE_CHECKING:
    from accelsim.catalog import Catalog
    from accelsim.exploration.widget import FloorplanWidget
    from accelsim.workload.model import Model
    from accelsim.workload.phase import Phase

__all__ = ["Exploration", "explore"]


@checked_call('explore("gpt2-xl", "cerebras-cs2", Decode(batch=1, context=64), "granularity=layer")')
def explore(
    case: Case | Model | str,
    system: str | None = None,
    phase: Phase | None = None,
    plan: Plan | str = "",
    *,
    budget: int = DEFAULT_BUDGET,
    catalog: Catalog | None = None,
    **options: Any,
) -> FloorplanWidget | Exploration:
    """A floorplan to play with in a notebook: a live widget where anywidget is installed, else a picture.

    Both have ``now``, ``placed``, ``swap``, ``undo``, ``change`` and ``placement``.

    Args:
        case: A :class:`~accelsim.case.case.Case`, or a model as of :func:`accelsim.simulate`.
        system: A name or path, so that its grid can be changed.
        phase: What is run.
        plan: ``execution=spatial`` goes without saying.
        budget: Evaluations that the placer may make.
        catalog: Where names are looked up; None is the packaged catalog.
        options: Further options of a case.

    Raises:
        ConfigError: Bad input.
        CapacityError: The model does not fit.

    Examples:
        >>> from accelsim import Decode, explore
        >>> floor = explore("gpt2-xl", "cerebras-cs2", Decode(1, 64), "granularity=layer,chunk=1")
        >>> floor.now.is_placed
        True
    """
    plans = {} if isinstance(case, Case) and plan == "" else {"plan": spatial_plan(plan)}
    exploration = Exploration(Case.of(case, system, phase, **plans, **options), budget, catalog)
    if importlib.util.find_spec("anywidget") is None:
        return exploration
    from accelsim.exploration.widget import FloorplanWidget

    return FloorplanWidget(exploration)

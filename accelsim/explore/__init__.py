"""Play with a placement: swap groups on the floor and see what the simulator says.

Examples:
    >>> from accelsim import Decode
    >>> from accelsim.explore import Exploration
    >>> floor = Exploration("gpt2-xl", "cerebras-cs2", Decode(1, 64), "granularity=layer,chunk=1")
    >>> floor.swap("decoder0", "decoder40")
    >>> floor.now.report.byte_hops > floor.placed.report.byte_hops
    True
    >>> floor.undo()
    >>> floor.now is floor.placed
    True
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING

from accelsim.explore.exploration import DEFAULT_BUDGET, Exploration

if TYPE_CHECKING:
    from accelsim.catalog import Catalog
    from accelsim.explore.widget import FloorplanWidget
    from accelsim.mapping.placement.constraints import PlacementConstraints
    from accelsim.workload.model import Model
    from accelsim.workload.phase import Phase

__all__ = ["Exploration", "explore"]


def explore(
    model: Model | str,
    system: str,
    phase: Phase,
    plan: str = "",
    *,
    seed: int = 0,
    budget: int = DEFAULT_BUDGET,
    overrides: Sequence[tuple[str, str]] = (),
    constraints: PlacementConstraints | str | None = None,
    catalog: Catalog | None = None,
) -> FloorplanWidget | Exploration:
    """A floorplan to play with in a notebook: a live widget where anywidget is installed, else a picture.

    Both have ``now``, ``placed``, ``swap``, ``undo``, ``change`` and ``placement``.  Arguments as of
    :class:`Exploration`.

    Raises:
        ConfigError: Bad input.
        CapacityError: The model does not fit.
    """
    exploration = Exploration(
        model,
        system,
        phase,
        plan,
        seed=seed,
        budget=budget,
        overrides=overrides,
        constraints=constraints,
        catalog=catalog,
    )
    if importlib.util.find_spec("anywidget") is None:
        return exploration
    from accelsim.explore.widget import FloorplanWidget

    return FloorplanWidget(exploration)

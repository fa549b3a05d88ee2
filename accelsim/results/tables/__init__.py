"""Tables of a run: unit-suffixed columns, and each sums to a total of the JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean
from accelsim.results.data import RunData
from accelsim.results.tables.between import between_table
from accelsim.results.tables.columns import Columns
from accelsim.results.tables.energy import energy_table
from accelsim.results.tables.machine import link_use_table, links_table, servers_table, traffic_table
from accelsim.results.tables.memory import memory_table
from accelsim.results.tables.operators import causes_table, critical_path_table, operators_table, roles_table
from accelsim.results.tables.power import power_table
from accelsim.results.tables.tasks import tasks_table
from accelsim.results.tables.tensors import tensors_table
from accelsim.results.tables.tiles import tiles_table

if TYPE_CHECKING:
    import pandas as pd

#: Every table of a result, by the name of its file; what each sums to stands in docs/results.md.
TABLES: Mapping[str, Callable[[RunData], Columns]] = {
    "operators": operators_table,
    "causes": causes_table,
    "critical_path": critical_path_table,
    "tensors": tensors_table,
    "traffic": traffic_table,
    "roles": roles_table,
    "between_chips": between_table,
    "links": links_table,
    "link_use": link_use_table,
    "servers": servers_table,
    "memory": memory_table,
    "tiles": tiles_table,
    "energy": energy_table,
    "power": power_table,
    "tasks": tasks_table,
}

__all__ = ["TABLES", "Columns", "columns_of", "table_of"]


def columns_of(run: RunData, name: str) -> Columns:
    """The columns of one of :data:`TABLES` as lists and arrays by name, without pandas.

    Args:
        run: The figures of a run, fresh or loaded.
        name: A key of :data:`TABLES`, e.g. ``"operators"``.

    Raises:
        ConfigError: There is no such table.
    """
    if name not in TABLES:
        raise ConfigError(f"no table {name!r}. Known: {', '.join(TABLES)}.{did_you_mean(name, list(TABLES))}")
    return TABLES[name](run)


def table_of(run: RunData, name: str) -> pd.DataFrame:
    """One of :data:`TABLES`.

    Args:
        run: The figures of a run, fresh or loaded.
        name: Its key, e.g. ``"operators"``.

    Raises:
        ConfigError: There is no such table.
    """
    import pandas as pd

    return pd.DataFrame(dict(columns_of(run, name)))

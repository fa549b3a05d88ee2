"""The answer of a run: latency, traffic, energy, limits, and everything needed to trust or repeat it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.arguments import checked_call
from accelsim.results.bill import Rates, bill
from accelsim.results.data import Power, RunData

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.results.tables.columns import Columns


@checked_call('simulate("llama3-8b", "nvidia-h100-sxm", Decode(batch=8, context=4096))')
@dataclass(frozen=True, repr=False)
class Result(RunData):
    """One simulated run: its values (:class:`~accelsim.results.data.RunData`) and what is made of them.

    Attributes:
        rates: Prices of chips and carbon of the grid, where the user states them.
    """

    rates: Rates = field(default=Rates(), repr=False)

    @property
    def bill(self) -> dict[str, dict[str, float]]:
        """Cost and carbon at the stated :attr:`rates`; empty without."""
        return bill(self, self.rates)

    @cached_property
    def power(self) -> Power:
        """Mean and highest power of all chips, against their limit."""
        from accelsim.results.tables.power import peak_power_w

        peak_w = peak_power_w(self)
        return Power(self.energy.total_j / self.latency_s, peak_w, self.machine.chip.tdp_w * self.num_chips)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, the JSON of ``accelsim run --json``."""
        from accelsim.results.summary import summarise

        return summarise(self, self.power, self.bill)

    def table(self, name: str) -> pd.DataFrame:
        """One of the tables of :data:`accelsim.results.tables.TABLES`.

        Raises:
            ConfigError: There is no such table.
        """
        from accelsim.results.tables import table_of

        return table_of(self, name)

    def columns(self, name: str) -> Columns:
        """The columns of :meth:`table` as lists and arrays by name, without pandas.

        Raises:
            ConfigError: There is no such table.
        """
        from accelsim.results.tables import columns_of

        return columns_of(self, name)

    def operators(self) -> pd.DataFrame:
        """One row per operator of each block: count, seconds by cause, FLOPs, bytes by level, joules."""
        return self.table("operators")

    def causes(self) -> pd.DataFrame:
        """Latency by cause: seconds and share."""
        return self.table("causes")

    def traffic(self) -> pd.DataFrame:
        """Bytes by memory level or network, all chips, with mean and peak bandwidth."""
        return self.table("traffic")

    def save(self, folder: Path | str, tables: str = "auto") -> None:
        """Write ``result.json`` and every table into ``folder``; :func:`accelsim.load_result` opens it again.

        Args:
            folder: Made if missing.
            tables: ``"csv"``, ``"parquet"``, or ``"auto"``: Parquet for long tables where pyarrow is installed.

        Raises:
            ConfigError: The folder cannot be made or written, or Parquet is asked for without pyarrow.
        """
        from accelsim.results.save import save_result

        save_result(self, self.to_dict(), Path(folder), tables)

    def __repr__(self) -> str:
        return f"Result({self.model} {self.phase['kind']} on {self.system}, plan {self.plan}: {self.latency_s:.4g} s)"

    def _repr_html_(self) -> str:
        """What a notebook shows: the figures, the bottleneck sentence and the longest operators."""
        from accelsim.results.notebook import notebook_html

        return notebook_html(self)

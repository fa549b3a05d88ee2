"""Opens a saved result: its JSON and its tables, without the simulator."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

#: Keys without which a JSON file is not that of a run.
_NEEDED = ("model", "system", "phase", "latency_s", "time_by_cause_s", "traffic_bytes")


@dataclass(frozen=True)
class SavedResult:
    """A result read from disk.

    Attributes:
        path: The folder, or the JSON file.
        data: What ``accelsim run --json`` wrote.
    """

    path: Path
    data: Mapping[str, Any]

    @property
    def latency_s(self) -> float:
        """Duration of the phase, in seconds."""
        return float(self.data["latency_s"])

    def table(self, name: str) -> pd.DataFrame:
        """A table of the run, as it was saved.

        Raises:
            ConfigError: There is no such table, its file is gone, or this is a JSON file without tables.
        """
        files: Mapping[str, str] = self.data.get("tables", {})
        if not files:
            raise ConfigError(f"{self.path}: holds no tables. Save the run as a folder with --save.")
        if name not in files:
            raise ConfigError(f"no table {name!r}. Known: {', '.join(files)}.{did_you_mean(name, list(files))}")
        path = self.path / files[name]
        if path.resolve().parent != self.path.resolve() or not path.is_file():
            raise ConfigError(f"{path}: the file of table {name!r} is missing. Save the run again.")
        return _read(path)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as written by the run."""
        return dict(self.data)


def load_result(path: Path | str) -> SavedResult:
    """Open a folder written by :meth:`Result.save` (``accelsim run --save``) or a file of ``accelsim run --json``.

    Raises:
        ConfigError: There is nothing, or what is there is not a result.
    """
    path = Path(path)
    file = path / "result.json" if path.is_dir() else path
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: no such file. Write one with accelsim run ... --save {path}.") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: is not the JSON of a run ({error}).") from error
    missing = [key for key in _NEEDED if not isinstance(data, dict) or key not in data]
    if missing:
        raise ConfigError(f"{file}: is not the JSON of one run: {', '.join(missing)} missing.")
    return SavedResult(path, data)


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    if path.suffix == ".parquet":
        try:
            return pd.read_parquet(path, engine="pyarrow")
        except ImportError as error:
            raise ConfigError(f"{path}: needs pyarrow. Install accelsim[parquet].") from error
    with warnings.catch_warnings():  # newer pandas reads floats exactly by default and says so
        warnings.simplefilter("ignore")
        return pd.read_csv(path, float_precision="round_trip", keep_default_na=False)

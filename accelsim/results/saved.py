"""Opens a saved result: its JSON and its tables, without the simulator."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from accelsim.case.case import Case
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean
from accelsim.results.provenance import case_of_manifest

if TYPE_CHECKING:
    import pandas as pd

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    """A part of the critical path."""

    block: str
    operator: str
    cause: str
    time_s: Amount


class _Manifest(BaseModel):
    """What the run was made from."""

    inputs: dict[str, str] = {}
    overrides: dict[str, Any] = {}


class _RunJson(BaseModel):
    """The keys of the JSON of a run that are read here, with their types; others pass."""

    model: str
    system: str
    phase: dict[str, Any]
    plan: dict[str, Any] = {}
    latency_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    tokens_per_s: Amount = 0.0
    energy_j: Amount = 0.0
    flops: Amount = 0.0
    time_by_cause_s: dict[str, Amount]
    traffic_bytes: dict[str, Amount]
    memory_bytes: dict[str, Amount] = {}
    critical_path: list[_Part] = []
    manifest: _Manifest = _Manifest()
    tables: dict[str, str] = {}


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

    @property
    def case(self) -> Case:
        """The case that was run, from the manifest; ``simulate(load_result(path).case)`` repeats it.

        Raises:
            ConfigError: The manifest lacks an option, or the machine was made in Python.
        """
        return case_of_manifest(self.data.get("manifest", {}))

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
        _RunJson.model_validate(data, strict=True)
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: no such file. Write one with accelsim run ... --save {path}.") from error
    except ValidationError as error:
        raise ConfigError(f"{file}: is not the JSON of one run: {_first_problem(error)}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: is not the JSON of a run ({error}).") from error
    return SavedResult(path, data)


def _first_problem(error: ValidationError) -> str:
    """Missing keys all together, else the first wrong value with its place."""
    problems = error.errors(include_url=False)
    missing = [
        str(problem["loc"][0]) for problem in problems if problem["type"] == "missing" and len(problem["loc"]) == 1
    ]
    if missing:
        return f"{', '.join(missing)} missing"
    place = ".".join(str(step) for step in problems[0]["loc"])
    if not place:
        return "the top level is no object"
    return f"{place}: {problems[0]['msg'].lower()}"


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

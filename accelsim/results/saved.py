"""Opens a saved result: its JSON and its tables, without the simulator."""

from __future__ import annotations

import hashlib
import io
import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from accelsim.arguments import checked_call
from accelsim.case.case import Case
from accelsim.errors import ConfigError
from accelsim.reading import MAX_SAVED_BYTES, MAX_TABLE_BYTES, read_bytes, read_text
from accelsim.registry import did_you_mean
from accelsim.results.provenance import case_of_manifest

if TYPE_CHECKING:
    import pandas as pd

Amount = Annotated[float, Field(ge=0, le=1e30, allow_inf_nan=False)]
#: The file of a saved folder that names the others.
RESULT_FILE = "result.json"
Plain = str | int | float | bool | None


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


class _Band(BaseModel):
    """The error band of the latency."""

    level: Annotated[float, Field(ge=0, le=1)] = 0.0


class _RunJson(BaseModel):
    """The keys of the JSON of a run that are read here, with their types; others pass."""

    model: str
    system: str
    phase: dict[str, Plain]
    plan: dict[str, Plain] = {}
    types: dict[str, Plain] = {}
    latency_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    latency_band_s: Annotated[list[Amount], Field(min_length=2, max_length=2)] | None = None
    band: _Band = _Band()
    tokens_per_s: Amount = 0.0
    energy_j: Amount = 0.0
    flops: Amount = 0.0
    time_by_cause_s: dict[str, Amount]
    traffic_bytes: dict[str, Amount]
    memory_bytes: dict[str, Amount] = {}
    critical_path: list[_Part] = []
    manifest: _Manifest = _Manifest()
    tables: dict[str, str] = {}
    tables_sha256: dict[str, str] = {}


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
        return _read(self.content(name), files[name])

    def content(self, name: str) -> bytes:
        """The file of a table, as it was saved.

        Args:
            name: Of a table that there is.

        Raises:
            ConfigError: The file is gone, lies elsewhere, or is of another save than ``result.json``.
        """
        path = self.path / self.data["tables"].get(name, "")
        if path.resolve().parent != self.path.resolve() or not path.is_file():
            raise ConfigError(f"{path}: the file of table {name!r} is missing. Save the run again.")
        content = read_bytes(path, "a table of a run", MAX_SAVED_BYTES)
        sha256 = self.data.get("tables_sha256", {}).get(name)
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise ConfigError(
                f"{path}: is not the table that {RESULT_FILE} was saved with: it was changed, or a save into this "
                "folder broke off. Save the run again."
            )
        return content

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


@checked_call('load_result("runs/a")', path=(str, Path))
def load_result(path: Path | str) -> SavedResult:
    """Open a folder written by :meth:`Result.save` (``accelsim run --save``) or a file of ``accelsim run --json``.

    Raises:
        ConfigError: There is nothing, or what is there is not a result.
    """
    path = Path(path)
    file = path / RESULT_FILE if path.is_dir() else path
    if not file.exists():
        raise ConfigError(f"{file}: no such file. Write one with accelsim run ... --save {path}.")
    text = read_text(file, "the JSON of a run", MAX_TABLE_BYTES)
    try:
        data = json.loads(text)
        _RunJson.model_validate(data, strict=True)
        infinite = _not_finite(data)
    except ValidationError as error:
        raise ConfigError(f"{file}: is not the JSON of one run: {_first_problem(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: is not the JSON of a run ({error}).") from error
    if infinite is not None:
        raise ConfigError(f"{file}: is not the JSON of one run: {infinite}: must be a finite number.")
    saved = SavedResult(path, data)
    if path.is_dir():
        for name in data.get("tables_sha256", {}):
            saved.content(name)
    return saved


def _not_finite(value: Any, path: str = "") -> str | None:
    """Key path of the first number that is none; None where all are finite."""
    if isinstance(value, float):
        return None if math.isfinite(value) else path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = (_not_finite(member, f"{path}.{key}" if path else str(key)) for key, member in members)
    return next((key for key in found if key is not None), None)


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


def _read(content: bytes, file: str) -> pd.DataFrame:
    import pandas as pd

    if file.endswith(".parquet"):
        try:
            return pd.read_parquet(io.BytesIO(content), engine="pyarrow")
        except ImportError as error:
            raise ConfigError(f"{file}: needs pyarrow. Install accelsim[parquet].") from error
    with warnings.catch_warnings():  # newer pandas reads floats exactly by default and says so
        warnings.simplefilter("ignore")
        return pd.read_csv(io.BytesIO(content), float_precision="round_trip", keep_default_na=False)

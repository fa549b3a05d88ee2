"""How a job is read from what a user names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from accelsim.catalog import Catalog
from accelsim.config.document import Document
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.profile import LaunchProfile, load_profile
from accelsim.hardware.system import System, load_system
from accelsim.workload.formats.hf import load_model_file
from accelsim.workload.model import Model


def load_inputs(
    model: Model | str, system: System | str, overrides: Sequence[tuple[str, str]], catalog: Catalog
) -> tuple[Model, System, dict[str, str]]:
    """Model and system, and the hash of every file read; overrides under ``model.`` change the model."""
    inputs: dict[str, str] = {}
    of_model = [(path.removeprefix("model."), value) for path, value in overrides if path.startswith("model.")]
    of_system = [(path, value) for path, value in overrides if not path.startswith(("model.", "profile."))]
    if isinstance(model, str):
        loaded = load_model_file(model, catalog, of_model)
        model = loaded.spec
        inputs |= {path.name: sha256 for path, sha256 in _files(loaded.document)}
    elif of_model:
        raise ConfigError("overrides of the model need a model given by name or path.")
    if isinstance(system, str):
        system = load_system(system, of_system, catalog)
    elif of_system:
        raise ConfigError("overrides of the hardware need a system given by name or path.")
    inputs |= {Path(path).name: sha256 for path, sha256 in system.files}
    return model, system, inputs


def choose_profile(
    profile: LaunchProfile | str, overrides: Sequence[tuple[str, str]], catalog: Catalog
) -> tuple[LaunchProfile, dict[str, str]]:
    """The launch profile, and the hash of its file unless it is the default; overrides under ``profile.`` change it."""
    own = [(path.removeprefix("profile."), value) for path, value in overrides if path.startswith("profile.")]
    if isinstance(profile, str):
        loaded, files = load_profile(profile, own, catalog)
        return loaded, {} if loaded.is_default else {Path(path).name: sha256 for path, sha256 in files}
    if own:
        raise ConfigError("overrides of the launch profile need a profile given by name or path.")
    return profile, {}


def _files(document: Document) -> Iterator[tuple[Path, str]]:
    yield document.path, document.sha256
    yield from document.parents


def choose_dtype(model: Model, system: System, asked: DType | None) -> DType:
    """The type asked for, else the model's own, else a 16-bit type the chip's matrix unit runs."""
    if asked is not None:
        system.chip.peak_flops_per_s(asked)  # raises when the chip has no rate for it
        return asked
    for dtype in (model.torch_dtype, DType.BF16, DType.FP16):
        if dtype in system.chip.matrix_flops_per_cycle:
            return dtype
    raise ConfigError(
        f"chip {system.chip.name} runs neither {model.torch_dtype.value}, bf16 nor fp16. Choose with --dtype."
    )

"""Looks up what a case names: model, system, profile, constraints, element type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accelsim.case.content import file_sha256, system_content, topology_files, workload_content
from accelsim.catalog import Catalog
from accelsim.config.document import Document
from accelsim.config.loader import load_document
from accelsim.cost.needs import missing_for
from accelsim.errors import ConfigError
from accelsim.hardware.cut import split_size
from accelsim.hardware.profile import LaunchProfile, load_profile
from accelsim.hardware.system import System, load_system
from accelsim.mapping.job import Job
from accelsim.mapping.placement.base import PLACEMENT_SUFFIXES
from accelsim.mapping.placement.constraints import as_constraints
from accelsim.mapping.plan import Plan
from accelsim.mapping.types import choose_types
from accelsim.workload.formats.hf import load_model_file
from accelsim.workload.graph import Workload
from accelsim.workload.model import Model
from accelsim.workload.recipe import Recipe
from accelsim.workload.subject import Given, Subject
from accelsim.workload.types import TypeOptions


@dataclass(frozen=True)
class LoadedCase:
    """A case with everything looked up that it names.

    Attributes:
        job: The values; its plan is the default one where the case leaves it to ``auto``.
        inputs: SHA-256 of every file read, by name.
        files: SHA-256 of every file that the plan names, by key.
    """

    job: Job
    inputs: Mapping[str, str]
    files: Mapping[str, str]

    @property
    def content(self) -> dict[str, Any]:
        """What the names stand for, without where it was found."""
        job = self.job
        model = workload_content(job.model.sample) if job.model.is_fixed else job.model
        found = {"model": model, "profile": job.profile, "constraints": job.constraints, "plan_files": self.files}
        return {**found, "system": system_content(job.system)}


def load_values(values: Mapping[str, Any], catalog: Catalog | None) -> LoadedCase:
    """Looks up what the values of a case, by option, stand for.

    Args:
        values: A value per option of a case.
        catalog: Where names are looked up; None is the packaged catalog.
    """
    catalog = catalog or Catalog()
    overrides = values["overrides"]
    model, system, inputs = load_inputs(values["model"], values["system"], overrides, catalog)
    profile, of_profile = choose_profile(values["profile"], overrides, catalog)
    system = system.with_library(values["library"] or system.library or _library_of(profile, system))
    constraints = as_constraints(values["constraints"])
    if constraints is not None and constraints.source is not None:
        inputs |= dict([constraints.source])
    recipe, warnings = _recipe(model, system, values)
    plan = values["plan"] if isinstance(values["plan"], Plan) else Plan()
    job = Job(
        model=model,
        system=system,
        phase=values["phase"],
        plan=plan,
        recipe=recipe,
        engine=values["engine"],
        ignore_capacity=values["ignore_capacity"],
        seed=values["seed"],
        constraints=constraints,
        profile=profile,
        warnings=warnings,
    )
    files = plan_files(plan)
    named = {Path(str(plan.to_dict()[key])).name: sha256 for key, sha256 in files.items()}
    return LoadedCase(job, inputs | of_profile | named, files)


def _recipe(model: Subject, system: System, values: Mapping[str, Any]) -> tuple[Recipe, tuple[str, ...]]:
    """How the model is computed, and warnings; what is given with its operators and types is computed as it is.

    Raises:
        ConfigError: The chip lacks a type, or an option would change what is given.
    """
    options = _type_options(values)
    if not model.is_fixed:
        chosen = choose_types(model, system.chip, options)
        recipe = Recipe(chosen.types, values["attention"], values["phase"].logits, values["routing"])
        reserve = values["phase"].fullest().length if values["kv_window"] == "full" else 0
        return replace(recipe, kv_reserve=reserve), chosen.warnings
    own = Recipe(model.stored_types(model.wide))
    open_ = {**dict.fromkeys(_TYPE_OPTIONS), "attention": own.attention, "routing": own.routing, "kv_window": "window"}
    stated = [name for name, default in open_.items() if values[name] != default]
    if stated:
        raise ConfigError(
            f"{', '.join(stated)}: {model.name} is a workload without a model, whose operators and tensors say that "
            "themselves. Leave the option out, or make the workload that way."
        )
    return own, ()


_TYPE_OPTIONS = ("dtype", "weights_dtype", "activation_dtype", "kv_dtype", "reduce_dtype")


def _type_options(values: Mapping[str, Any]) -> TypeOptions:
    return TypeOptions(
        dtype=values["dtype"],
        weights=values["weights_dtype"],
        activations=values["activation_dtype"],
        kv=values["kv_dtype"],
        reduce=values["reduce_dtype"],
    )


def load_inputs(
    model: Model | Workload | str, system: System | str, overrides: Sequence[tuple[str, str]], catalog: Catalog
) -> tuple[Subject, System, dict[str, str]]:
    """Model and system, and the hash of every file read; overrides under ``model.`` change the model.

    Args:
        model: A model, a workload, or the name or path of one.
        system: A machine, or the name or path of one.
        overrides: Paths and texts of values, as ``--set`` takes them.
        catalog: Where names are looked up.

    Raises:
        ConfigError: Bad input, or an override of something that was given as a value.
    """
    subject: Subject
    inputs: dict[str, str] = {}
    of_model = [(path.removeprefix("model."), value) for path, value in overrides if path.startswith("model.")]
    of_system = [(path, value) for path, value in overrides if not path.startswith(("model.", "profile."))]
    if isinstance(model, str):
        loaded = load_model_file(model, catalog, of_model)
        subject = loaded.spec
        inputs |= {path.name: sha256 for path, sha256 in _files(loaded.document)}
    else:
        if of_model:
            raise ConfigError("overrides of the model need a model given by name or path.")
        subject = Given(model) if isinstance(model, Workload) else model
    if isinstance(system, str):
        system = _load_system(system, of_system, catalog)
    elif of_system:
        raise ConfigError("overrides of the hardware need a system given by name or path.")
    inputs |= {Path(path).name: sha256 for path, sha256 in system.files}
    inputs |= {path.name: file_sha256(path) for path in topology_files(system).values()}
    return subject, system, inputs


def _load_system(reference: str, overrides: Sequence[tuple[str, str]], catalog: Catalog) -> System:
    """The system, whose chip states what its cost model needs; all that is missing is told at once.

    Raises:
        ConfigError: As :func:`~accelsim.hardware.system.load_system`, or a key that the cost model needs is missing.
    """
    try:
        system = load_system(reference, overrides, catalog)
    except ConfigError as error:
        further = _missing_in_file(reference, catalog) if ": missing. " in str(error) else []
        raise ConfigError("\n".join([str(error), *further])) from error
    chip = system.chip
    missing = list(missing_for(chip.cost_model, {**dict(chip), "calibration": chip.calibration}))
    if missing:
        problems = "\n".join(f"chip {chip.name}: {path}: {text}" for path, text in missing)
        raise ConfigError(f"{problems}\n{_TEMPLATE}")
    return system


_TEMPLATE = "accelsim new chip NAME --like CHIP writes a file that has all of it."


def _missing_in_file(reference: str, catalog: Catalog) -> list[str]:
    """What the cost model that an unfinished chip's file names needs, too."""
    _, path = catalog.find_any(("systems", "chips"), split_size(reference)[0])
    document = load_document(path)
    data: Any = document.data
    if data.get("kind") != "chip":
        return []
    missing = missing_for(str(data.get("cost_model")), data)
    return [*(f"{document.root.where}: {name}: {text}" for name, text in missing), _TEMPLATE]


def _library_of(profile: LaunchProfile, system: System) -> str:
    """The profile's library where some level of the system has it."""
    has = any(profile.library in level.spec.libraries for level in system.levels.values())
    return profile.library if has else ""


def choose_profile(
    profile: LaunchProfile | str, overrides: Sequence[tuple[str, str]], catalog: Catalog
) -> tuple[LaunchProfile, dict[str, str]]:
    """The launch profile, and the hash of its file unless it is the default; overrides under ``profile.`` change it.

    Args:
        profile: A launch profile, or the name or path of one.
        overrides: Paths and texts of values, as ``--set`` takes them; others than its own are left.
        catalog: Where names are looked up.

    Raises:
        ConfigError: Bad input, or an override of a profile that was given as a value.
    """
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


def plan_files(plan: Plan) -> dict[str, str]:
    """SHA-256 of every file that a plan names, by key."""
    files = {key: Path(str(value)) for key, value in plan.to_dict().items() if str(value).endswith(PLACEMENT_SUFFIXES)}
    return {key: file_sha256(path) for key, path in files.items() if path.is_file()}

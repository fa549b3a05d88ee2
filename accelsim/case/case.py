"""A case: everything that decides a run, as it was asked for; one frozen value with a file form and a key.

An option is declared here and nowhere else: it is a field of :class:`Case`.  The flags of ``accelsim run``,
``compare``, ``diff``, ``sensitivity`` and ``place``, the arguments of :func:`accelsim.simulate`, the keys of a case
file and the manifest of a result follow from the declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.arguments import checked_call, expect, listed
from accelsim.case import read
from accelsim.case.option import Option, check_names, option, options_of
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.case.load import LoadedCase
    from accelsim.catalog import Catalog
    from accelsim.dtypes import DType, Format
    from accelsim.engine.run import EngineName
    from accelsim.hardware.profile import LaunchProfile
    from accelsim.hardware.system import System
    from accelsim.mapping.placement.constraints import PlacementConstraints
    from accelsim.mapping.plan import Plan
    from accelsim.workload.graph import OperatorGraph, Workload
    from accelsim.workload.model import Model
    from accelsim.workload.phase import Phase
    from accelsim.workload.recipe import AttentionName, KvWindowName
    from accelsim.workload.routing import Routing


_EXAMPLE = '"llama3-8b", "nvidia-dgx-h100:8", Decode(batch=8, context=4096)'


@checked_call(f"Case({_EXAMPLE})")
@dataclass(frozen=True)
class Case:
    """Everything that decides a run: what is computed, where, how.

    Names and paths stay names until :meth:`load` looks them up; a :class:`Model` or :class:`System`
    made in Python may stand in their place.  Values may be given as text (``plan="tp=8"``, ``dtype="fp8"``).

    Attributes:
        model: A :class:`Model`, a name, or a path to a YAML or an unchanged Hugging Face ``config.json``; or one pass
            without a model: a :class:`Workload` or an :class:`OperatorGraph`, which have no file form.
        system: A :class:`System`, or a name or path with an optional ``:CHIPS``.
        phase: E.g. ``Decode(batch=8, context=4096)``.
        plan: A :class:`Plan`, or ``"auto"``: the fastest of a few candidates that fits.
        dtype: Type of the linear layers and of what they are multiplied by (``"fp8"``, ``"int4-g128"``); 16 bit and
            more: of everything; None takes the model's own, as it is stored.
        weights_dtype: Type of the weights of linear layers alone.
        activation_dtype: Type of what weights are multiplied by; 16 bit and more: of the residual stream too.
        kv_dtype: Type of the KV cache.
        reduce_dtype: Type of partial sums on their way between chips.
        attention: ``flash`` (one operator) or ``standard`` (scores written to memory and read back).
        kv_window: What the KV cache of a layer with a window keeps room for: its ``window``, or the ``full`` length.
        profile: How a host gets kernels to a GPU: ``graph``, ``eager``, ``compiled``, a profile or its file.
        library: Communication library of collectives; empty: that of each level of the system.
        routing: How tokens spread over experts, where the model has any.
        constraints: Pins, forbidden tiles and what lies together in spatial execution, or a file of them.
        engine: ``auto``, ``simpy`` or ``compiled``.
        seed: Seed of placers that draw random numbers.
        overrides: ``(key path, text)`` pairs such as ``("chip.sram_per_core", "64 KiB")``.
        ignore_capacity: Go on with a named warning when the model does not fit.
        strict: Fail if the result carries a warning.

    Raises:
        ConfigError: A value that no run can have.

    Examples:
        >>> from accelsim import Case, Decode
        >>> case = Case("llama3-8b", "nvidia-dgx-h100", Decode(batch=8, context=4096), plan="tp=8")
        >>> case.but(seed=1, plan="tp=4,dp=2").plan.tp
        4
        >>> Case.from_dict(case.to_dict()) == case
        True
    """

    model: Model | Workload | str = option(
        MISSING,
        "Model name, YAML, or path to a Hugging Face config.json.",
        parse=read.read_model,
        plain=read.model_plain,
    )
    system: System | str = option(
        MISSING,
        "System or chip, name or YAML, with :CHIPS for a size.",
        flag="--on",
        parse=read.read_system,
        plain=read.system_plain,
    )
    phase: Phase = option(MISSING, "Tokens that are worked on.", parse=read.read_phase, plain=read.phase_plain)
    plan: Plan | str = option(
        "auto", 'E.g. "tp=8,dp=2,region=480x480", or auto: the fastest that fits.', parse=read.read_plan, plain=str
    )
    dtype: Format | None = option(
        None,
        "Type of linear layers and what they are multiplied by, e.g. fp8, int4-g128, mxfp4; 16 bit and more: of all.",
        parse=read.read_format,
        plain=read.type_plain,
    )
    weights_dtype: Format | None = option(
        None, "Type of the weights of linear layers alone.", parse=read.read_format, plain=read.type_plain
    )
    activation_dtype: Format | None = option(
        None,
        "Type of what weights are multiplied by; 16 bit and more: of the residual stream too.",
        parse=read.read_format,
        plain=read.type_plain,
    )
    kv_dtype: DType | None = option(None, "Type of the KV cache.", parse=read.read_dtype, plain=read.type_plain)
    reduce_dtype: DType | None = option(
        None, "Type of partial sums between chips.", parse=read.read_dtype, plain=read.type_plain
    )
    attention: AttentionName = option(
        "flash", "flash, or standard: scores go to memory and back.", parse=read.read_attention
    )
    kv_window: KvWindowName = option(
        "window",
        "What caches of layers with a window keep room for: window, or full, the whole length, as many engines do.",
        parse=read.read_kv_window,
    )
    profile: LaunchProfile | str = option(
        "graph",
        "How a host gets kernels to a GPU: graph, eager, compiled, or a profile's YAML.",
        parse=read.read_profile,
        plain=read.profile_plain,
    )
    library: str = option(
        "",
        "Communication library: nccl, vllm, sglang, trtllm, or auto for the fastest; default: that of each level.",
        parse=read.read_library,
    )
    routing: Routing = option(
        "random",
        "Tokens over experts: random, balanced, or the fullest rank's load, e.g. 1.3.",
        parse=read.read_routing,
        plain=str,
    )
    constraints: PlacementConstraints | str | None = option(
        None,
        "YAML of pins, forbidden tiles and what lies together (spatial).",
        parse=read.read_constraints,
        plain=read.constraints_plain,
    )
    engine: EngineName = option("auto", "auto, simpy or compiled.", parse=read.read_engine)
    seed: int = option(0, "Seed of everything random.", parse=read.whole_number("seed"))
    overrides: tuple[tuple[str, str], ...] = option(
        (),
        'KEY=VALUE, e.g. chip.sram_per_core="64 KiB"; may be given often.',
        flag="--set",
        parse=read.read_overrides,
        plain=dict,
        is_repeated=True,
    )
    ignore_capacity: bool = option(
        False, "Warn instead of failing when it does not fit.", parse=read.switch("ignore_capacity")
    )
    strict: bool = option(False, "Fail when the result carries a warning.", parse=read.switch("strict"))

    def __post_init__(self) -> None:
        for one in options_of(Case):
            object.__setattr__(self, one.name, one.read(getattr(self, one.name)))

    @classmethod
    def of(
        cls,
        case: Case | Model | Workload | OperatorGraph | str,
        system: System | str | None = None,
        phase: Phase | None = None,
        plan: Plan | str | None = None,
        **options: Any,
    ) -> Case:
        """The case that is given, or that a file holds, with options changed; or one of model, system and phase.

        Args:
            case: A case, the path of a case file, or a model: by name, as a value, or operators of one's own.
            system: A machine or its name; with a case, in place of its own.
            phase: What is computed; with a case, in place of its own.
            plan: A plan or its text, or ``auto``.
            **options: Other options by the name of their field.

        Raises:
            ConfigError: An unknown option, or a model without a system or a phase.
        """
        given = {"system": system, "phase": phase, "plan": plan}
        stated = {name: value for name, value in given.items() if value is not None} | options
        if isinstance(case, str) and system is None and phase is None and Path(case).suffix in (".yaml", ".yml"):
            case = cls.from_file(case)
        if isinstance(case, Case):
            return case.but(**stated)
        if "phase" not in stated and not isinstance(case, str):
            stated |= read.own_phase(case)
        return cls.from_dict({"model": case, **stated})

    def but(self, **changes: Any) -> Case:
        """This case with some options changed.

        Raises:
            ConfigError: There is no such option, or no such value.
        """
        check_names(changes, [one.name for one in OPTIONS], "case", read.place_of)
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Every option as plain data."""
        return {one.name: one.plain(getattr(self, one.name)) for one in OPTIONS}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Case:
        """The case of :meth:`to_dict`; options that are left out keep their defaults.

        Raises:
            ConfigError: An unknown option, a value that no run can have, or a machine that was made in Python.
        """
        expect(data, Mapping, "case", "Case.from_dict(case.to_dict())")
        check_names(data, [one.name for one in OPTIONS], "case", read.place_of)
        missing = [one.name for one in OPTIONS if one.is_required and one.name not in data]
        if missing:
            raise ConfigError(f"case: {listed(missing)} must be given. Write e.g. Case({_EXAMPLE}).")
        return cls(**data)

    def save(self, path: Path | str) -> None:
        """Write the case to a YAML file, for :meth:`from_file` and ``accelsim run FILE``.

        Paths of files are written relative to it.

        Raises:
            ConfigError: The file cannot be written, or the machine or a workload was made in Python.
        """
        from accelsim.case.file import case_text
        from accelsim.files import write_atomic

        read.read_model(self.model if isinstance(self.model, str) else read.model_plain(self.model))
        read.read_system(self.system if isinstance(self.system, str) else read.system_plain(self.system))
        stated = {one.name: one.plain(getattr(self, one.name)) for one in OPTIONS if not self._is_default(one)}
        write_atomic(Path(path), case_text(Path(path), stated))

    @classmethod
    def from_file(cls, path: Path | str) -> Case:
        """The case of a file with ``kind: case``; paths in it are taken relative to it.

        Raises:
            ConfigError: The file cannot be read or is no case; names the line.
        """
        from accelsim.case.file import read_case_file

        stated, document = read_case_file(Path(path), [one.name for one in OPTIONS])
        try:
            return cls.from_dict(stated)
        except ConfigError as error:
            name = str(error).partition(":")[0]
            where = document.where(name) if name in stated else document.root.where
            raise ConfigError(f"{where}: {error}") from error

    def load(self, catalog: Catalog | None = None) -> LoadedCase:
        """The case with everything looked up that it names.

        Raises:
            ConfigError: A name or a file cannot be looked up, or does not fit the others.
        """
        from accelsim.case.load import load_values

        return load_values({one.name: getattr(self, one.name) for one in OPTIONS}, catalog)

    def key(self, catalog: Catalog | None = None) -> str:
        """Hash of all that decides the run, files by what they hold; equal in every process.

        Raises:
            ConfigError: A name or a file cannot be looked up.
        """
        from accelsim.case.content import digest

        loaded = self.load(catalog)
        stated = {name: value for name, value in self.to_dict().items() if name not in _LOOKED_UP}
        if not isinstance(self.plan, str):
            stated["plan"] = {**self.plan.to_dict(), **loaded.files}
        return digest({**stated, **loaded.content})

    def on(self, system: System) -> Case:
        """This case on a machine that is loaded already; overrides of the hardware, which it holds, are dropped."""
        kept = tuple(item for item in self.overrides if item[0].startswith(("model.", "profile.")))
        return replace(self, system=system, overrides=kept)

    def replica(self) -> Case:
        """The case of one data-parallel replica: its share of the sequences, with dp=1.  ``auto`` plans stay."""
        if isinstance(self.plan, str):
            return self
        return replace(self, phase=self.phase.replica(self.plan.dp), plan=self.plan.replace(dp=1))

    def _is_default(self, one: Option) -> bool:
        return not one.is_required and getattr(self, one.name) == one.read(one.default)


#: Every option of a run, in the order of its declaration.
OPTIONS: tuple[Option, ...] = options_of(Case)
#: Options whose value is what they name; overrides are part of it.
_LOOKED_UP = ("model", "system", "profile", "constraints", "overrides")

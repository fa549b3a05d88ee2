"""Launch profiles: how a host gets operators to a chip that runs kernels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field

from accelsim.catalog import Catalog
from accelsim.config.bounds import Amount, Count
from accelsim.config.loader import load_document, validate
from accelsim.config.quantity import Seconds
from accelsim.config.schema import Spec
from accelsim.hardware.chip import Chip

DEFAULT_PROFILE = "graph"
#: Cost model whose operators are kernels that a host launches.
_KERNELS = "gpu"


class RunSpread(Spec):
    """How the logarithm of measured over predicted time of whole runs is spread, on models the fit did not see."""

    log_deviation: Amount = Field(description="Standard deviation.")
    runs: Count = Field(description="Measured runs behind it.")
    models: Count = Field(description="Models among them, each left out of the fit in turn.")


class LaunchProfile(Spec):
    """What a framework does between the operators of a pass.

    A kernel's time holds its launch on the device, as in a captured graph. With a ``dispatch``, the host hands over one
    operator after another and runs ahead of the device as far as it can; a kernel waits for its own dispatch. Each
    pass begins with a host that has handed over nothing: it has just read the last pass's token. Not modelled: a limit
    to how far the host runs ahead, hosts of several ranks that differ, host time between passes.
    """

    schema_version: Literal[1] = 1
    kind: Literal["profile"] = "profile"
    name: str = Field(min_length=1, description="Name used on the command line; the file is called the same.")
    description: str = Field("", description="What it stands for.")
    dispatch_s: Seconds = Field(0.0, ge=0, description="Time of the host per call of the framework; 0: captured.")
    calls: Mapping[str, Count] = Field(
        default_factory=dict, description="Calls of the framework for one operator, by kind; default: 1."
    )
    fuses_rows: bool = Field(False, description="Whether chains of elementwise operators and norms are one kernel.")
    layer_gap_s: Seconds = Field(0.0, ge=0, description="Time per block and pass in which the chip waits.")
    collective_gap_s: Seconds = Field(0.0, ge=0, description="Wait of ranks for one another, per collective.")
    step_gap_s: Seconds = Field(0.0, ge=0, description="Time at the end of a pass: sampling, the next batch.")
    sequence_gap_s: Seconds = Field(0.0, ge=0, description="Further time at the end of a pass, per sequence.")
    library: str = Field("", description="Library of its kernels and collectives, where a run names none.")
    spread: RunSpread | None = Field(None, description="How measured runs lie around runs with this profile.")

    @property
    def is_default(self) -> bool:
        """Whether nothing differs from a captured graph of unfused kernels."""
        return not self.dispatch_s and not self.fuses_rows and not self.has_gaps and not self.library

    @property
    def has_gaps(self) -> bool:
        """Whether the chip ever waits for the framework."""
        return any((self.layer_gap_s, self.collective_gap_s, self.step_gap_s, self.sequence_gap_s))

    @property
    def inside_pass(self) -> LaunchProfile:
        """The profile of blocks that do not end a pass, as those of all stages of a pipeline but the last."""
        return self.model_copy(update={"step_gap_s": 0.0, "sequence_gap_s": 0.0})

    def dispatch_of(self, kind: str) -> float:
        """Seconds of the host for one operator of a kind."""
        return self.dispatch_s * self.calls.get(kind, 1)


def launches_kernels(chip: Chip) -> bool:
    """Whether a host launches the chip's operators one by one; other chips run a compiled program as a whole."""
    return chip.cost_model == _KERNELS


#: Kernels captured in a graph.
GRAPH = LaunchProfile(name=DEFAULT_PROFILE)


def load_profile(
    name: str, overrides: Iterable[tuple[str, str]] = (), catalog: Catalog | None = None
) -> tuple[LaunchProfile, tuple[tuple[str, str], ...]]:
    """The profile of that name or file, and ``(path, sha256)`` of the file.

    Args:
        name: Name in the catalog's ``profiles`` (``graph``, ``eager``, ``compiled``) or path of a file.
        overrides: ``(key path, value)`` pairs, e.g. ``("dispatch", "8 us")``.
        catalog: Where names are looked up.

    Raises:
        ConfigError: Unknown name, malformed file, or an override that fits no key.
    """
    document = load_document((catalog or Catalog()).find("profiles", name))
    for path, text in overrides:
        document = document.apply_override(path, text, f"--set profile.{path}={text}")
    return validate(document, LaunchProfile).spec, ((str(document.path), document.sha256),)

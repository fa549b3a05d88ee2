"""Launch profiles: how a host gets operators to a chip that runs kernels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field

from accelsim.catalog import Catalog
from accelsim.config.bounds import Count
from accelsim.config.loader import load_document, validate
from accelsim.config.quantity import Seconds
from accelsim.config.schema import Spec
from accelsim.hardware.chip import Chip

DEFAULT_PROFILE = "graph"
#: Cost model whose operators are kernels that a host launches.
_KERNELS = "gpu"


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

    @property
    def is_default(self) -> bool:
        """Whether nothing differs from a captured graph of unfused kernels."""
        return not self.dispatch_s and not self.fuses_rows

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

"""Options that several commands share beside those of a case, and what is shown when nothing is named."""

from __future__ import annotations

from typing import Annotated

import typer

from accelsim.cli import checks

DEFAULT_MODEL = "llama3-8b"
#: One machine of each class; what ``run`` and ``compare`` show when no system is named.
DEFAULT_SYSTEMS = ("nvidia-a100-sxm-80gb", "google-tpu-v4-pod:4", "cerebras-cs2")

SetOption = Annotated[
    list[str] | None, typer.Option("--set", help='KEY=VALUE, e.g. chip.sram_per_core="64 KiB"; may be given often.')
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Fail when the result carries a warning.")]
JsonOption = Annotated[
    str | None,
    typer.Option("--json", help="Write the result as JSON to FILE, or - for stdout.", callback=checks.json_target),
]

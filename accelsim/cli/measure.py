"""``accelsim measure``: measure the operators of transformers on the GPU of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accelsim.cli.command import add_command
from accelsim.cli.wrap import tell


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "measure", measure)


def measure(
    chip: Annotated[str, typer.Argument(help="Chip, name or YAML, that the GPU of this machine is. [required]")] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="CSV to write, for validate and calibrate --data. [required]")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Rows per operator and type.")] = 60,
    dtypes: Annotated[str, typer.Option("--dtypes", help="Element types.")] = "bf16,fp16,fp8,fp32",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sizes.")] = 0,
    device: Annotated[str, typer.Option("--device", help="cuda; cpu: tiny rows, to test the plumbing.")] = "cuda",
) -> None:
    """Measure products, attention and row operators with PyTorch, in minutes; write them as a table."""
    from accelsim.errors import ConfigError
    from accelsim.hardware.system import load_chip
    from accelsim.validation.measure import measure as measure_rows
    from accelsim.validation.measure import rows as draw
    from accelsim.validation.measure import write
    from accelsim.validation.measure_torch import Torch

    if device not in ("cuda", "cpu"):
        raise ConfigError(f"--device: {device!r} is none. Allowed: cuda, cpu.")
    backend = Torch(device)  # first of all: without a GPU nothing that is asked for would help
    if not chip or output is None:
        raise ConfigError(
            "measure: CHIP and -o FILE.csv must be given. Write e.g. accelsim measure mine.yaml -o mine.csv."
        )
    if not output.parent.is_dir():  # before minutes of measuring
        raise ConfigError(f"{output}: the folder {output.parent} does not exist. Make it, or choose another.")
    hardware = load_chip(chip).name
    wanted = draw(rows, dtypes.split(","), seed) if backend.is_gpu else draw(2, dtypes.split(","), seed, 2.0**8)
    found = measure_rows(wanted, backend, hardware, tell)
    write(found, backend.machine(), output)
    typer.echo(f"{len(found)} rows written to {output}")

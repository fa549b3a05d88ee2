"""Runs named in the argument of another command: a saved folder, a JSON file, or the options of ``accelsim run``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from accelsim.errors import ConfigError


def load_or_run(text: str, what_ifs: bool = False) -> Mapping[str, Any]:
    """The JSON of a run.

    Args:
        text: A folder of ``--save``, a file of ``--json``, or ``"MODEL --on SYSTEM ..."`` as for ``accelsim run``.
        what_ifs: Simulate the what-ifs of the bottleneck sentence too.

    Raises:
        ConfigError: It is none of these, or the run is refused.
    """
    path = Path(text)
    if path.exists():
        from accelsim.results.saved import load_result

        return load_result(path).data
    if "--on" not in text:
        raise ConfigError(
            f"{text!r} is neither a saved result (a folder of --save, a file of --json) nor a run. "
            'Write a run as "MODEL --on SYSTEM ...", in quotes.'
        )
    return _simulate(parse_run(text), what_ifs)


def parse_run(text: str) -> dict[str, Any]:
    """Options of ``accelsim run`` in ``text``, by parameter name.

    Raises:
        ConfigError: An unknown option or a malformed value.
    """
    from accelsim.cli import run

    app = typer.Typer(add_completion=False)
    run.register(app)
    command = typer.main.get_command(app)
    try:
        return dict(command.make_context("run", shlex.split(text)).params)
    except ValueError as error:
        raise ConfigError(f"{text!r}: {error}.") from error
    except Exception as error:
        if not hasattr(error, "format_message"):  # not a complaint about the options
            raise
        raise ConfigError(f"{text!r}: {error.format_message()}") from error


def _simulate(options: Mapping[str, Any], what_ifs: bool) -> Mapping[str, Any]:
    from accelsim.cli import options as o
    from accelsim.cli.run import with_plan_keys
    from accelsim.pipeline import simulate

    phase = o.make_phase(*(options[name] for name in ("phase", "batch", "prompt", "context", "steps", "model", "set_")))
    return simulate(
        options["model"],
        options["on"],
        phase,
        with_plan_keys(options["plan"], execution=options["execution"], placer=options["placer"]),
        dtype=o.make_dtype(options["dtype"]),
        profile=options["profile"],
        engine=o.check_engine(options["engine"]),
        overrides=o.make_overrides(options["set_"]),
        ignore_capacity=options["ignore_capacity"],
        strict=options["strict"],
        seed=options["seed"],
        routing=o.make_routing(options["routing"]),
        what_ifs=what_ifs,
    ).to_dict()

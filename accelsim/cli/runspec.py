"""Runs named in the argument of another command: a saved folder, a JSON file, or the options of ``accelsim run``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from accelsim.cli.caseflags import Stated, split
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.case.case import Case


def load_or_run(text: str, what_ifs: bool = False) -> Mapping[str, Any]:
    """The JSON of a run.

    Args:
        text: A folder of ``--save``, a file of ``--json``, a case file, or ``"MODEL --on SYSTEM ..."`` as for
            ``accelsim run``.
        what_ifs: Simulate the what-ifs of the bottleneck sentence too.

    Raises:
        ConfigError: It is none of these, or the run is refused.
    """
    from accelsim.pipeline import simulate

    path = Path(text)
    if path.exists() and path.suffix.lower() not in (".yaml", ".yml"):
        from accelsim.results.saved import load_result

        return load_result(path).data
    if not path.exists() and "--on" not in text and not Path(text.partition(" ")[0]).exists():
        raise ConfigError(
            f"{text!r} is neither a saved result (a folder of --save, a file of --json) nor a run. "
            'Write a run as "MODEL --on SYSTEM ...", in quotes.'
        )
    return simulate(case_of(text), what_ifs=what_ifs).to_dict()


def case_of(text: str) -> Case:
    """The case that ``text`` states as options of ``accelsim run``.

    Raises:
        ConfigError: An unknown option or a malformed value.
    """
    from accelsim.cli.cases import make_case, with_plan_keys

    stated, own = parse_run(text)
    plan = with_plan_keys(stated.options.get("plan"), execution=own["execution"], placer=own["placer"])
    return make_case(stated, plan=plan)


def parse_run(text: str) -> tuple[Stated, dict[str, Any]]:
    """What ``text`` states as options of ``accelsim run``, and the command's own options by parameter.

    Raises:
        ConfigError: An unknown option or a malformed value.
    """
    from accelsim.cli import run

    app = typer.Typer(add_completion=False)
    run.register(app)
    command = typer.main.get_command(app)
    try:
        return split(command.make_context("run", shlex.split(text)).params)
    except ValueError as error:
        raise ConfigError(f"{text!r}: {error}.") from error
    except Exception as error:
        if not hasattr(error, "format_message"):  # not a complaint about the options
            raise
        raise ConfigError(f"{text!r}: {error.format_message()}") from error

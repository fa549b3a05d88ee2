"""Defaults of the command line that follow the model, and plans that find a way."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from accelsim.cli.app import app
from accelsim.cli.main import main

RUN = ("run", "gpt2-xl", "--on", "nvidia-a100-sxm-80gb", "--plan", "tp=1", "--json", "-")


@pytest.mark.parametrize(
    ("options", "key", "length"),
    [((), "prompt", 1024), (("--steps", "4"), "context", 1020), (("--prompt", "5"), "prompt", 5)],
)
def test_a_length_that_is_not_given_fits_the_positions_of_the_model(
    options: tuple[str, ...], key: str, length: int
) -> None:
    done = CliRunner().invoke(app, [*RUN, *options])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["phase"][key] == length
    noted = f"note: {key} {length}, because gpt2-xl has 1024 positions" in done.stderr
    assert noted == (length != 5)


def test_an_overridden_model_runs_and_the_manifest_says_so() -> None:
    done = CliRunner().invoke(app, [*RUN, "--prompt", "8", "--set", "model.num_hidden_layers=4"])
    assert done.exit_code == 0, done.stderr
    assert "published figures" in json.loads(done.stdout)["manifest"]["notes"][0]


def test_routing_is_refused_in_words() -> None:
    done = CliRunner().invoke(app, [*RUN, "--routing", "skewed"])
    assert done.exit_code != 0
    assert "unknown kind 'skewed'" in str(done.exception)


def test_an_override_of_a_model_is_named_as_it_was_typed(capsys):
    with pytest.raises(SystemExit):
        main(["run", "llama3-8b", "--on", "nvidia-a100-sxm-80gb", "--set", "model.hidden=1"])
    assert "--set model.hidden=1: hidden: unknown key" in " ".join(capsys.readouterr().err.split())

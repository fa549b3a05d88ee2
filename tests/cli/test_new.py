"""``accelsim new``: files that load and run as they are; the walk of docs/hardware.md, every command of it."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from accelsim import load_model
from accelsim.catalog import Catalog
from accelsim.cli.new import KINDS, new
from accelsim.errors import ConfigError
from accelsim.hardware.optical.load import load_optics
from accelsim.hardware.system import load_chip, load_system

PAGE = Path(__file__).parents[2] / "docs" / "hardware.md"


def commands() -> list[str]:
    """The commands of the page's first section."""
    section = PAGE.read_text(encoding="utf-8").partition("## From nothing")[2].partition("\n## ")[0]
    return [line for block in re.findall(r"```bash\n(.*?)```", section, flags=re.DOTALL) for line in block.splitlines()]


def test_the_walk_to_a_chip_of_ones_own_runs(accelsim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(commands()) > 12
    for command in commands():
        if not command.startswith("accelsim "):
            subprocess.run(command, shell=True, check=True, cwd=tmp_path)
            continue
        done = accelsim(*shlex.split(command, comments=True)[1:])
        assert (done.code, command) == (0, command), done.err
        assert done.out


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_is_used_as_it_is_by_the_command_it_names(accelsim, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    done = accelsim("new", kind, "first")
    assert done.code == 0
    used = accelsim(*shlex.split(done.out.partition("next: accelsim ")[2]))
    assert (used.code, used.err) == (0, "")
    assert (tmp_path / "first.yaml").read_text().startswith("# first")


def test_every_shipped_file_can_be_started_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaders = {"chip": load_chip, "system": load_system, "model": load_model, "optics": load_optics}
    for kind, load in loaders.items():
        for name in Catalog().names(KINDS[kind][0]):
            file = tmp_path / f"{kind}-{name}.yaml"
            new(kind, f"copy-of-{name}", name, file)
            if kind != "optics" or "kind: optical_link" in file.read_text():
                assert load(str(file)).name == f"copy-of-{name}"


def test_a_copy_of_a_chip_says_whose_calibration_it_has(tmp_path):
    new("chip", "mine", "nvidia-h100-sxm", tmp_path / "mine.yaml")
    mine, other = load_chip(str(tmp_path / "mine.yaml")), load_chip("nvidia-h100-sxm")
    assert mine.calibration["gemm"] == other.calibration["gemm"]
    assert mine.inherited("gemm") == ("inherited-calibration: mine: gemm calibration inherited from nvidia-h100-sxm",)


def test_what_is_there_is_not_written_over(accelsim, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("precious")
    done = accelsim("new", "chip", "mine", "--out", str(file))
    assert (done.code, file.read_text()) == (2, "precious")
    assert "exists already" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("chips", "x"), "Did you mean 'chip'?"),
        (("chip", "a/b"), "'a/b' is no name"),
        (("chip", "x", "--like", "h100"), "Known: "),
        (("case", "x", "--like", "y"), "Leave it out"),
        (("study", "x"), "no command reads a file of many runs yet. Write a case (accelsim new case NAME)"),
        (("chip", "x", "--out", "x.txt"), "must end in .yaml"),
        (("chip", "x", "--out", "nowhere/x.yaml"), "cannot write"),
    ],
)
def test_bad_requests_write_nothing(accelsim, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    done = accelsim("new", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_copy_under_a_bad_name_of_a_chip_is_refused():
    with pytest.raises(ConfigError, match="unknown chip"):
        new("chip", "mine", "no-such-chip", Path("never.yaml"))

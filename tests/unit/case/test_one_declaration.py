"""An option is declared in one place: a copy of the package with one more field of Case has it everywhere."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from accelsim.case.case import OPTIONS

PACKAGE = Path(__file__).parents[3] / "accelsim"
FIELD = "    strict: bool = option(False,"
MORE = '    colour: str = option("red", "Colour of nothing.")\n'
RUN = ("llama3-8b", "--on", "nvidia-h100-sxm", "--context", "64")


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(PACKAGE, folder / "accelsim", ignore=shutil.ignore_patterns("__pycache__"))
    for beside in ("hw_configs", "workloads"):
        (folder / beside).symlink_to(PACKAGE.parent / beside)
    case = folder / "accelsim" / "case" / "case.py"
    text = case.read_text()
    assert text.count(FIELD) == 1
    case.write_text(text.replace(FIELD, MORE + FIELD))
    return folder


def accelsim(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    command = [sys.executable, "-m", "accelsim.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", ["run", "compare", "sensitivity", "place"])
def test_every_command_has_the_flag_with_its_help_and_default(changed: Path, command: str) -> None:
    shown = accelsim(changed, command, "--help")
    line = next(line for line in shown.splitlines() if "--colour" in line)
    assert "Colour of nothing; default: red." in line


def test_the_manifest_has_it_and_the_result_runs_again_with_it(changed: Path) -> None:
    first = changed / "first.json"
    accelsim(changed, "run", *RUN, "--colour", "blue", "--json", str(first), "--quiet")
    assert json.loads(first.read_text())["manifest"]["colour"] == "blue"
    again = json.loads(accelsim(changed, "run", str(first), "--json", "-"))
    assert again["manifest"]["colour"] == "blue"
    over = json.loads(accelsim(changed, "run", str(first), "--colour", "green", "--json", "-"))
    assert over["manifest"]["colour"] == "green"


def test_a_case_file_and_a_diff_have_it(changed: Path) -> None:
    accelsim(changed, "run", *RUN, "--colour", "blue", "--save-case", str(changed / "blue.yaml"), "--quiet")
    assert 'colour: "blue"' in (changed / "blue.yaml").read_text()
    found = json.loads(accelsim(changed, "diff", str(changed / "blue.yaml"), " ".join(RUN), "--json", "-"))
    assert {"name": "colour", "before": "blue", "after": "red"} in found["inputs"]


def test_python_has_it(changed: Path) -> None:
    code = (
        "from accelsim import Case, Decode, place, simulate; "
        "print(simulate('llama3-8b', 'nvidia-h100-sxm', Decode(1, 64), colour='blue').manifest['colour'], "
        "Case('llama3-8b', 'nvidia-h100-sxm', Decode(1, 64)).colour)"
    )
    environment = {**os.environ, "PYTHONPATH": str(changed)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True, cwd=changed
    )
    assert done.stdout.split() == ["blue", "red"]


def test_the_docs_list_every_option() -> None:
    text = (PACKAGE.parent / "docs" / "cases.md").read_text()
    assert not [one.name for one in OPTIONS if f"| `{one.name}` |" not in text or one.help not in text]

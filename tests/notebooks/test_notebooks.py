"""Every notebook runs from top to bottom without error, and is committed without outputs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SECONDS_PER_CELL = 120


class ThisInterpreter(KernelSpecManager):
    """Kernels of the interpreter that runs the tests, so that no kernel has to be installed."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name=kernel_name, language="python")


def run_notebook(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisInterpreter())
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, km=manager, timeout=SECONDS_PER_CELL, resources=where).execute()
    return notebook


def printed(notebook: nbformat.NotebookNode) -> str:
    """Everything the cells print."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(output["text"] for output in outputs if output.get("name") == "stdout")


def figures(text: str) -> list[list[float]]:
    """Numbers of the rows below ``| MODEL | decode 1 | ...``, whatever the rows are called."""
    tables = re.findall(r"^\|[^|]*\| decode 1 \|.*\n\|[-|]+\|\n((?:\|.*\n?)+)", text, flags=re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines()]
    assert len(rows) == 12, "two tables of six rows"
    return [[float(cell) for cell in row.split("|")[2:-1]] for row in rows]


def machines(text: str) -> list[str]:
    """Rows of the tables ``| MODEL | chips | kW | ...``, a machine each."""
    tables = re.findall(r"^\|[^|]*\| chips \| kW \|.*\n\|[-:|]+\|\n((?:\|.*\n?)+)", text, flags=re.MULTILINE)
    assert len(tables) == 2, "one table per model"
    return [row for table in tables for row in table.splitlines()]


def test_there_are_notebooks_to_test() -> None:
    assert [path.name for path in NOTEBOOKS][:1] == ["01_quickstart.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_runs_in_any_folder(path: Path, tmp_path: Path) -> None:
    notebook = run_notebook(nbformat.read(path, as_version=4), tmp_path)
    assert list(tmp_path.iterdir()) == []  # it leaves no files behind
    if path.name.startswith("03"):
        readme = (path.parents[1] / "README.md").read_text(encoding="utf-8")
        assert figures(printed(notebook)) == figures(readme)
        assert machines(printed(notebook)) == machines(readme)
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.rstrip().endswith(";"):  # how our notebooks end a plot
            kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
            assert "image/png" in kinds, f"{cell.id} draws nothing"


def test_a_failing_cell_fails_the_run(tmp_path: Path) -> None:
    from nbclient.exceptions import CellExecutionError

    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        run_notebook(broken, tmp_path)

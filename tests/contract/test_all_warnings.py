"""Every warning has a stable id, is raised somewhere, is documented, and is what results really carry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from golden_matrix import read_matrix

from accelsim.warning import WARNINGS, warn, warning_id

ROOT = Path(__file__).parents[2]


def ids_in_source() -> Iterator[str]:
    """First arguments of all calls of ``warn`` in the package."""
    for path in (ROOT / "accelsim").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "warn":
                yield ast.literal_eval(node.args[0])


def test_the_table_holds_the_ids_that_the_package_raises_and_no_others():
    assert set(ids_in_source()) == set(WARNINGS)


@pytest.mark.parametrize("name", WARNINGS)
def test_ids_are_words_with_hyphens(name):
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", name)


def test_warnings_of_the_golden_matrix_have_known_ids():
    raised = {found for figures in read_matrix()["runs"].values() for found in figures.get("warnings", ())}
    assert raised <= set(WARNINGS), "a warning without an id: make it with accelsim.warning.warn"


def test_the_document_is_the_table():
    rows = [f"| `{name}` | {help_.meaning} | {help_.remedy} |" for name, help_ in WARNINGS.items()]
    written = (ROOT / "docs" / "warnings.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in written if line.startswith("| `")] == rows


def test_an_unknown_id_is_a_defect_and_a_foreign_text_has_none():
    with pytest.raises(AssertionError, match="no-such"):
        warn("no-such", "text")
    assert warning_id("no-such: text") == ""
    assert warning_id("capacity-ignored: 3: 4") == "capacity-ignored"

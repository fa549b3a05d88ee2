"""The public face: what ``dir(accelsim)`` shows, documented with examples that run."""

import doctest
import inspect
import subprocess
import sys

import pytest

import accelsim

FUNCTIONS = ("simulate", "compare", "place", "sensitivity", "diff", "explore")


def test_dir_shows_the_public_names_and_nothing_else() -> None:
    assert sorted(dir(accelsim)) == sorted([*accelsim.__all__, "__version__"])
    assert set(FUNCTIONS) | {"Case"} <= set(dir(accelsim))
    assert not [name for name in dir(accelsim) if not hasattr(accelsim, name)]


@pytest.mark.parametrize("name", accelsim.__all__)
def test_every_public_name_says_what_it_is(name: str) -> None:
    assert (inspect.getdoc(getattr(accelsim, name)) or "").strip()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_state_arguments_errors_and_an_example(name: str) -> None:
    text = inspect.getdoc(getattr(accelsim, name)) or ""
    assert all(section in text for section in ("Args:", "Raises:", "Examples:"))
    given = [one for one in inspect.signature(getattr(accelsim, name)).parameters]
    assert not [one for one in given if f"    {one}: " not in text]


@pytest.mark.parametrize("name", [*FUNCTIONS, "Case"])
def test_examples_run(name: str) -> None:
    of = getattr(accelsim, name)
    finder = doctest.DocTestFinder(recurse=False)
    found = [test for test in finder.find(of, name, globs={}) if test.examples]
    assert found
    for test in found:
        assert doctest.DocTestRunner().run(test).failed == 0


def test_the_function_explore_stays_one_when_its_package_is_imported() -> None:
    code = (
        "import accelsim.exploration.floor, accelsim; from accelsim import explore; print(callable(accelsim.explore))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "True"

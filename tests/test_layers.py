"""The house rules that a reader relies on: which layer may import which, where heavy libraries live, file length."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "accelsim"

# An earlier layer never imports a later one; layers on one line do not import each other.
LAYERS = [
    {"errors", "progress", "warning", "version"},
    {"files"},
    {"plugins"},
    {"registry"},
    {"arguments"},
    {"dtypes", "reading", "units"},
    {"catalog"},
    {"config"},
    {"engine"},
    {"workload"},
    {"hardware"},
    {"cost"},
    {"network"},
    {"mapping"},
    {"case"},
    {"results"},
    {"advice"},
    {"pipeline", "placing"},
    {"exploration"},
    {"study"},
    {"serving"},
    {"validation"},
    {"cli"},
]
ALLOWED_IN = {
    "matplotlib": {"results"},
    "numba": {"engine"},
    "simpy": {"engine", "serving"},
    "yaml": {"config"},
}
NEVER_AT_TOP = {"networkx", "pandas", "scipy"}  # a quarter to half a second each that most commands do not need
MAX_LINES = 400
#: Circles of files that are left.  None may be added; one that is gone must be taken out here.
KNOWN_CIRCLES: set[frozenset[str]] = set()
#: Classes that no code tells apart by isinstance, and the folder that may: what a phase, a cost or an execution is, is
#: asked.
NOT_TOLD_APART = {
    "accelsim.workload.phases.base": "workload",
    "accelsim.cost.cost": "",
    "accelsim.mapping.execution.base": "",
    "accelsim.mapping.booking": "",
    "accelsim.mapping.lower": "",
    "accelsim.mapping.mapped": "",
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(nodes: Iterator[ast.AST], path: Path) -> Iterator[tuple[str, int]]:
    """Dotted names imported by ``nodes``; ``from accelsim import units`` gives ``accelsim.units``."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = path.relative_to(ROOT).parent.parts
                base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
            yield from ((f"{base}.{alias.name}" if base == "accelsim" else base, node.lineno) for alias in node.names)


def executed_on_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Statements that run when the module is imported: not those in functions or under TYPE_CHECKING."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
            continue
        yield node
        pending += [child for child in ast.iter_child_nodes(node) if isinstance(child, (ast.stmt, ast.ExceptHandler))]


def breaches(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    rank = {name: index for index, names in enumerate(LAYERS) for name in names}
    layer, shown = layer_of(path), path.relative_to(ROOT)
    found = []
    for name, line in imports(ast.walk(tree), path):
        top, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        is_upward = top == "accelsim" and target in rank and rank[target] > rank.get(layer, len(LAYERS))
        is_sideways = top == "accelsim" and target != layer and rank.get(target, -1) == rank.get(layer)
        if layer != "__init__" and (is_upward or is_sideways):
            found.append(f"{shown}:{line}: layer {layer!r} imports {name!r}, which is later")
        if top in ALLOWED_IN and layer not in ALLOWED_IN[top]:
            found.append(f"{shown}:{line}: {top} is imported outside {sorted(ALLOWED_IN[top])}")
    for name, line in imports(executed_on_import(tree), path):
        if name.partition(".")[0] in NEVER_AT_TOP:
            found.append(
                f"{shown}:{line}: {name} is imported when the module is; import it in the function that needs it"
            )
    return found


def test_every_module_belongs_to_a_layer() -> None:
    known = set().union(*LAYERS) | {"__init__", "__main__", "_data"}
    assert {layer_of(path) for path in modules()} <= known


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_earlier_layers_and_allowed_libraries(path: Path) -> None:
    assert not breaches(path), "\n".join(breaches(path))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_is_short_enough_to_read(path: Path) -> None:
    num_lines = len(path.read_text(encoding="utf-8").splitlines())
    assert num_lines <= MAX_LINES, f"{path.relative_to(ROOT)} has {num_lines} lines; split it by idea"


def module_names() -> dict[str, Path]:
    """Every file by the dotted name that it is imported by."""
    names = {}
    for path in modules():
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def circles() -> set[frozenset[str]]:
    """Sets of files that import each other in a circle; imports in functions and under TYPE_CHECKING count."""
    known = module_names()
    graph: nx.DiGraph[str] = nx.DiGraph()
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                graph.add_edges_from((name, alias.name) for alias in node.names if alias.name in known)
            elif isinstance(node, ast.ImportFrom):
                (base,) = (
                    {base for base, _ in imports(iter([node]), path)} if node.module != "accelsim" else ("accelsim",)
                )
                targets = {f"{base}.{alias.name}" for alias in node.names}
                graph.add_edges_from((name, t if t in known else base) for t in targets if t in known or base in known)
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    return {frozenset(found) for found in nx.strongly_connected_components(graph) if len(found) > 1}


def test_no_circle_of_files_is_added_and_none_that_is_gone_is_listed() -> None:
    assert circles() == KNOWN_CIRCLES


def told_apart(path: Path, names: set[str]) -> Iterator[str]:
    """Where ``isinstance`` or ``match`` asks for one of the classes ``names``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            asked = {one.id for one in ast.walk(node.args[1]) if isinstance(one, ast.Name)}
        elif isinstance(node, ast.MatchClass):
            asked = {ast.unparse(node.cls)}
        else:
            continue
        if asked & names:
            yield f"{path.relative_to(ROOT)}:{node.lineno}: asks for the class {sorted(asked & names)}; ask the object"


def families() -> list[tuple[str, set[str]]]:
    """For each line of NOT_TOLD_APART the folder that may, and the classes: those of the file and their subclasses."""
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in module_names().items()}
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = []
    for module, folder in NOT_TOLD_APART.items():
        names = {node.name for node in trees[module].body if isinstance(node, ast.ClassDef)}
        while more := {c.name for c in classes if {ast.unparse(base) for base in c.bases} & names} - names:
            names |= more
        found.append((folder, names))
    return found


def test_no_code_asks_which_phase_or_cost_or_what_was_lowered() -> None:
    found = [
        line
        for folder, names in families()
        for path in modules()
        if layer_of(path) != folder
        for line in told_apart(path, names)
    ]
    assert not found, "\n".join(found)


def test_the_search_sees_a_class_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"Phase", "Decode", "Prefill", "Mixed"} <= families()[0][1]
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "x.py"
    path.write_text("def f(x):\n    return isinstance(x, (int, Decode))\n", encoding="utf-8")
    assert list(told_apart(path, {"Decode"})) == ["x.py:2: asks for the class ['Decode']; ask the object"]


@pytest.mark.parametrize(
    ("where", "code", "complaint"),
    [
        ("engine/x.py", "from accelsim.workload import graph", "later"),
        ("units.py", "from accelsim import catalog", "later"),
        ("engine/x.py", "from ..cost import base", "later"),
        ("cost/x.py", "import matplotlib.pyplot", "outside"),
        ("workload/x.py", "def f():\n    import yaml", "outside"),
        ("hardware/x.py", "from simpy import Environment", "outside"),
        ("results/x.py", "import pandas as pd", "function"),
        ("results/x.py", "try:\n    import pandas\nexcept ImportError:\n    pass", "function"),
        ("mapping/x.py", "from scipy.sparse import csr_matrix", "function"),
        ("network/x.py", "import networkx as nx", "function"),
    ],
)
def test_the_check_itself_sees_a_breach(
    where: str, code: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "accelsim" / where
    path.parent.mkdir(parents=True)
    path.write_text(code, encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path / "accelsim")
    assert any(complaint in breach for breach in breaches(path))


def test_lazy_and_type_checking_imports_of_pandas_are_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "accelsim" / "results" / "x.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\ndef f():\n    import pandas\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path / "accelsim")
    assert breaches(path) == []


@pytest.mark.parametrize(
    "module", ["accelsim", "accelsim.catalog", "accelsim.config.loader", "accelsim.config.explain"]
)
def test_ground_floor_imports_no_heavy_library(module: str) -> None:
    assert not {"pandas", "scipy", "matplotlib", "numba", "networkx", "numpy", "simpy"} & loaded_by(f"import {module}")


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a new process has loaded once it has run ``code``."""
    told = "import sys; print('loaded:', *{name.partition('.')[0] for name in sys.modules})"
    process = subprocess.run([sys.executable, "-c", f"{code}\n{told}"], capture_output=True, text=True, check=True)
    return set(process.stdout.rpartition("loaded:")[2].split())


def command(*arguments: str) -> str:
    """Code that runs a command of the package and goes on."""
    return f"from accelsim.cli.main import main\ntry:\n    main({[*arguments]})\nexcept SystemExit:\n    pass"


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_imports_nothing_that_simulates(arguments: list[str]) -> None:
    heavy = {"numpy", "pandas", "scipy", "matplotlib", "numba", "networkx", "simpy", "yaml", "rich"}
    assert not heavy & loaded_by(command(*arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        ["llama3-8b", "--on", "nvidia-dgx-h100", "--phase", "decode"],
        ["llama3-8b", "--on", "nvidia-dgx-h100", "--phase", "decode", "-v", "--json", "-"],
        ["llama3-8b", "--on", "cerebras-cs2", "--phase", "decode", "--execution", "spatial"],
    ],
    ids=["run", "verbose-and-json", "spatial"],
)
def test_a_run_imports_no_library_that_only_tables_plots_or_fits_need(arguments: list[str]) -> None:
    assert not {"pandas", "scipy", "matplotlib", "networkx"} & loaded_by(command("run", *arguments))


@pytest.mark.parametrize("silent", [["--quiet"], ["--json", "-"]])
def test_a_run_that_prints_no_tables_does_not_import_what_draws_them(silent: list[str]) -> None:
    assert "rich" not in loaded_by(command("run", "llama3-8b", "--on", "nvidia-h100-sxm", *silent))


def test_a_table_is_what_needs_pandas() -> None:
    code = "from accelsim import *\nresult = simulate('llama3-8b', 'nvidia-h100-sxm', Decode(1, 1024))\n"
    assert "pandas" not in loaded_by(code + "result.columns('operators'), result.power, result.to_dict()")
    assert "pandas" in loaded_by(code + "result.table('operators')")

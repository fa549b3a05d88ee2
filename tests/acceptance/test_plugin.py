"""The example of an outside package, built and installed as one: its members are used by name, like our own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "tests" / "plugin_example"
CONTRACTS = ("chips", "collectives", "executions", "kernel_families", "placers", "schedules", "topologies")
MEMBERS = ("example-h100", "bruck", "at_peak", "largest_first", "two_waves", "chordal_ring", "running_mean")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the import path that holds the installed package."""
    folder = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--target", folder)
    subprocess.run([*pip, "install", *offline, EXAMPLE], check=True)
    return folder


@pytest.fixture
def run(site: Path, tmp_path: Path):
    """Runs Python with the package installed, from a folder that has nothing to do with it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (site, ROOT)))}

    def run(*arguments: object, code: int = 0) -> str:
        command = [sys.executable, *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_the_command_lists_what_the_package_brings(run, site: Path) -> None:
    shown = run("-m", "accelsim.cli.main", "show", "plugins")
    listed = " ".join(shown.split())
    assert "accelsim-example 0.1.0: members of accelsim_example.members" in listed
    assert f"accelsim-example 0.1.0: files in {site / 'accelsim_example' / 'files'}" in listed
    for what, name in [
        ("chips", "example-h100"),
        ("systems", "example-ring"),
        ("models", "example-smoothed"),
        ("placers", "largest_first"),
        ("topologies", "chordal_ring"),
        ("collectives", "all_gather/bruck"),
        ("schedules", "two_waves"),
        ("executions", "at_peak"),
        ("operators", "running_mean"),
        ("blocks", "dense_smoothed"),
        ("cost-models", "roofline"),
        ("kernel-families", "running_mean"),
    ]:
        assert name in run("-m", "accelsim.cli.main", "show", what)


@pytest.mark.parametrize(
    ("system", "launch_s", "bytes_per_s"),
    [("nvidia-dgx-h100:4", 2e-6, 0.8 * 3.35e12), ("example-ring:4", 0.0, 3.35e12)],
    ids=["kernel-family", "cost-model"],
)
def test_its_model_runs_and_its_operator_has_its_price(run, system: str, launch_s: float, bytes_per_s: float) -> None:
    """One rank of tp=4 holds 512 x 4,096 elements of 2 bytes of the residual stream, read once and written once."""
    code = f"""if True:
        from accelsim import Prefill, simulate
        result = simulate("example-smoothed", {system!r}, Prefill(1, 512), "tp=4", what_ifs=False)
        (row,) = (row for row in result.table("operators").to_dict("records") if row["operator"] == "smooth.mean")
        print(row["count"], row["time_s"] / row["count"])
    """
    count, seconds = run("-c", code).split()
    assert int(count) == 32  # blocks
    assert float(seconds) == pytest.approx(launch_s + 2 * 512 * 4096 * 2 / bytes_per_s, rel=1e-6)


def test_rows_of_its_kernel_are_priced_and_fit_its_numbers(run, tmp_path: Path) -> None:
    """Rows that a memory of 2 TB/s behind 3 us would give: 2 / 3.35 of the published bandwidth."""
    rows = [(m, n, 3e-6 + 2 * m * n * 2 / 2e12) for m in (64, 512, 4096, 16384) for n in (1024, 4096, 8192)]
    lines = [f"running_mean,{m},{n},bf16,{seconds}" for m, n, seconds in rows]
    (tmp_path / "rows.csv").write_text("\n".join(("op,m,n,dtype,time_s", *lines)))
    data = ("--data", tmp_path / "rows.csv")
    run("-m", "accelsim.cli.main", "cost", "--chip", "nvidia-h100-sxm", *data, "-o", tmp_path / "priced.csv")
    first = (tmp_path / "priced.csv").read_text().splitlines()[1].split(",")
    assert float(first[-1]) == pytest.approx(2e-6 + 2 * 64 * 1024 * 2 / (0.8 * 3.35e12), rel=1e-3)
    run("-m", "accelsim.cli.main", "calibrate", "nvidia-h100-sxm", *data, "-o", tmp_path / "fitted.yaml")
    fitted = (tmp_path / "fitted.yaml").read_text()
    assert "launch: {value: 3 us, kind: calibrated" in fitted
    assert "hbm_efficiency: {value: 0.597, kind: calibrated" in fitted


def test_its_execution_and_schedule_are_keys_of_a_plan(run, tmp_path: Path) -> None:
    command = ("-m", "accelsim.cli.main", "run", "llama3-8b", "--phase", "decode", "--quiet", "--json")
    times = []
    for slowdown in (1, 3):
        plan = f"execution=at_peak,slowdown={slowdown}"
        run(*command, tmp_path / "run.json", "--on", "nvidia-h100-sxm", "--plan", plan)
        times.append(json.loads((tmp_path / "run.json").read_text())["latency_s"])
    assert times[1] == pytest.approx(3 * times[0])
    pipeline = ("--on", "nvidia-dgx-h100:4", "--plan", "pp=4,microbatches=4,schedule=two_waves", "--batch", 4)
    shown = run("-m", "accelsim.cli.main", "run", "llama3-8b", "--prompt", 256, *pipeline)
    assert "schedule=two_waves" in shown


def test_its_members_keep_the_contracts_of_ours(run) -> None:
    files = [ROOT / "tests" / "contract" / f"test_all_{name}.py" for name in CONTRACTS]
    told = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ROOT, "-c", ROOT / "pyproject.toml", "-k",
               " or ".join(MEMBERS), *files)  # fmt: skip
    assert " passed" in told or "[100%]" in told


def test_without_the_package_its_names_are_unknown_and_ours_are_offered(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "accelsim.cli.main", "run", "example-smoothed"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unknown model 'example-smoothed'. Known:" in done.stderr


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("import sys; sys.exit()", "SystemExit"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("from accelsim.errors import ConfigError\nraise ConfigError('no licence')", "no licence"),
    ],
)
def test_a_package_that_does_not_load_is_an_error_with_its_name(run, site, tmp_path, body: str, told: str) -> None:
    shown = run("-c", with_package(tmp_path / "broken", body), code=2)
    assert shown.startswith("error: plugin 'zz' (broken_zz)")
    assert told in " ".join(shown.split())
    assert "broken-plugin 2.1" in shown


def test_two_members_of_one_name_are_an_error_with_both_files(run, tmp_path: Path) -> None:
    body = "from accelsim.mapping.placement.base import register_placer\n@register_placer('snake')\ndef place(): ..."
    shown = run("-c", with_package(tmp_path / "broken", body), code=2)
    assert "two members of placer are named 'snake'" in shown
    assert "broken_zz.py:2" in shown
    assert "placement/snake.py:" in shown.replace(os.sep, "/")


def with_package(folder: Path, body: str) -> str:
    """Code that lists placers with a package installed whose module is ``body``."""
    info = folder / "broken_plugin-2.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 2.1\n")
    (info / "entry_points.txt").write_text("[accelsim.plugins]\nzz = broken_zz\n")
    (folder / "broken_zz.py").write_text(body)
    lines = (f"import sys; sys.path.insert(0, {str(folder)!r})", "from accelsim.cli.main import main")
    return "\n".join((*lines, "main(['show', 'placers'])"))

"""The wheel alone, in a clean environment and from another folder, runs the main job."""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_runs_from_any_folder_after_a_plain_install(tmp_path):
    pip = ("-m", "pip", "--disable-pip-version-check", "--quiet")
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path / "dist", ROOT)
    run(sys.executable, *pip, *build)
    (wheel,) = (tmp_path / "dist").glob("accelsim-*.whl")

    venv.create(tmp_path / "env", with_pip=True)
    bin_folder = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    run(bin_folder / "python", *pip, "install", wheel)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    out = run(bin_folder / "accelsim", "run", cwd=elsewhere, env=environment)
    assert "cerebras-cs2:1" in out
    assert "llama3-8b" in run(bin_folder / "accelsim", "show", "models", cwd=elsewhere, env=environment)
    assert list(elsewhere.iterdir()) == []  # nothing is written but what is asked for

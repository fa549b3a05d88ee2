"""``python -m tests.fuzz.kills --kills 30``: processes that write results again and again are killed at any moment.

What is there afterwards is the old or the new, whole, or refused in words: never a part of each.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from accelsim.errors import ConfigError
from accelsim.results.saved import load_result

#: What is written, as a statement that a child repeats with results ``a`` and ``b`` in turn.
WRITERS = {
    "save": "result.save(folder / 'run')",
    "report": "write_report(result, folder / 'report.html')",
    "plot": "save_picture(plot_breakdown(result), folder / 'plot.png')",
}
_CHILD = """
import itertools, sys
from pathlib import Path
from accelsim import Decode, simulate
from accelsim.results.plots import plot_breakdown
from accelsim.results.plots.picture import save_picture
from accelsim.results.report import write_report
folder = Path(sys.argv[1])
a, b = (simulate("gpt2-xl", "nvidia-h100-sxm", Decode(n, 64), "tp=1", what_ifs=False) for n in (1, 2))
for at, result in enumerate(itertools.cycle((a, b))):
    {statement}
    if at == 1:
        print("ready", flush=True)
"""


def kill_once(kind: str, folder: Path, rng: random.Random) -> str:
    """Kill a writer at a random moment; what is wrong with what it leaves, blank where nothing is.

    Args:
        kind: One of :data:`WRITERS`.
        folder: Where it writes.
        rng: Decides the moment.
    """
    code = _CHILD.format(statement=WRITERS[kind])
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        if not writer.stdout.readline():
            return "the writer did not start"
        time.sleep(rng.uniform(0.0, 1.0))
        writer.send_signal(signal.SIGKILL)
    return _CHECKS[kind](folder)


def _saved_problem(folder: Path) -> str:
    try:
        saved = load_result(folder / "run")
    except ConfigError:  # refused in words: the save broke off between two files
        return ""
    batch = saved.data["phase"]["batch"]
    told = sum(saved.table("roles")["bytes"])
    meant = sum(saved.data["main_memory_traffic_by_role_bytes"].values())
    return "" if abs(told - meant) < 1e-6 * meant else f"a table of another run beside batch={batch}"


def _page_problem(folder: Path) -> str:
    return "" if (folder / "report.html").read_text().rstrip().endswith("</html>") else "half a page"


def _picture_problem(folder: Path) -> str:
    return "" if (folder / "plot.png").read_bytes().endswith(b"IEND\xaeB`\x82") else "half a picture"


_CHECKS: dict[str, Callable[[Path], str]] = {
    "save": _saved_problem,
    "report": _page_problem,
    "plot": _picture_problem,
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=30)
    options.add_argument("--seed", type=int, default=7)
    given = options.parse_args()
    problems, rng = 0, random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        for kill in range(given.kills):
            kind = [*WRITERS][kill % len(WRITERS)]
            if problem := kill_once(kind, Path(folder), rng):
                problems += 1
                print(f"{kill}: {kind}: {problem}", flush=True)
    print(f"{given.kills} kills, seed {given.seed}: {problems} problems")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()

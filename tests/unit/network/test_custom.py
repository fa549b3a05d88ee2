from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.engine import simulate
from accelsim.errors import ConfigError
from accelsim.hardware.link import LinkSpec
from accelsim.network.custom import load_schedule
from accelsim.network.play import schedule_graph
from accelsim.network.topology import TOPOLOGIES


def test_a_schedule_from_a_file_is_played_on_a_topology(tmp_path: Path) -> None:
    # two ranks swap halves and add, then swap the sums: 2 steps of 1 us + 500 kB / 100 GB/s
    path = tmp_path / "mine.csv"
    path.write_text("step,src,dst,chunk,reduce\n0,0,1,1,1\n0,1,0,0,1\n1,1,0,1,0\n1,0,1,0,0\n")
    schedule = load_schedule(path, 1_000_000)
    assert (schedule.num_ranks, schedule.num_steps, schedule.chunk_bytes.tolist()) == (2, 2, [500_000, 500_000])
    topology = TOPOLOGIES.get("ring")((2,), (True,), LinkSpec(bandwidth_bytes_per_s=100e9, latency_s=1e-6))
    assert simulate(schedule_graph(schedule, topology)).makespan_ticks * 1e-15 == pytest.approx(2 * (1e-6 + 5e-6))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", "the header is 'a,b'"),
        ("step,src,dst,chunk,reduce\n", "no transfer"),
        ("step,src,dst,chunk,reduce\n0,0,1,0,0\n0,1,1,0,0\n", r"mine.csv:3: '0,1,1,0,0' is no transfer"),
        ("step,src,dst,chunk,reduce\n0,0,x,0,0\n", "mine.csv:2:"),
    ],
)
def test_other_files_are_refused_with_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_schedule(path, 100)

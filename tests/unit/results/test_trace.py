"""Traces that Perfetto can open: events well formed, slices nested, counts and durations those of the run."""

import gzip
import json
from collections import defaultdict
from itertools import pairwise

import jsonschema
import pytest

from accelsim import Decode, Prefill, simulate
from accelsim.results.trace import chrome_trace, write_trace

NUMBER, TEXT = {"type": "number", "minimum": 0}, {"type": "string"}
EVENT = {
    "X": {
        "type": "object",
        "required": ["name", "cat", "ph", "pid", "tid", "ts", "dur"],
        "properties": {
            "name": TEXT,
            "cat": TEXT,
            "pid": {"type": "integer"},
            "tid": {"type": "integer"},
            "ts": NUMBER,
            "dur": NUMBER,
        },
    },
    "C": {
        "type": "object",
        "required": ["name", "ph", "pid", "ts", "args"],
        "properties": {
            "name": TEXT,
            "ts": NUMBER,
            "args": {"type": "object", "minProperties": 1, "additionalProperties": NUMBER},
        },
    },
    "M": {
        "type": "object",
        "required": ["name", "ph", "pid", "tid", "args"],
        "properties": {"name": {"enum": ["process_name", "thread_name", "thread_sort_index"]}},
    },
}
CASES = {
    "prefill on 2 GPUs": ("llama3-8b", "nvidia-dgx-a100:2", Prefill(1, 256), "tp=2"),
    "decode steps": ("gpt2-xl", "nvidia-a100-sxm-80gb", Decode(1, 128, steps=3), "tp=1"),
    "a pipeline on a wafer": ("llama3-8b", "cerebras-cs2", Prefill(1, 48), "execution=spatial"),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def result(request):
    return simulate(*request.param, what_ifs=False)


@pytest.fixture(scope="module")
def events(result):
    return json.loads(json.dumps(chrome_trace(result)))["traceEvents"]


def test_every_event_has_the_fields_of_the_trace_event_format(events):
    validators = {kind: jsonschema.Draft202012Validator(schema) for kind, schema in EVENT.items()}
    assert {event["ph"] for event in events} == set(EVENT)
    for event in events:
        validators[event["ph"]].validate(event)
    named = {event["tid"] for event in events if event["name"] == "thread_name"}
    assert {event["tid"] for event in events if event["ph"] == "X"} <= named


def test_slices_of_a_track_never_overlap(events):
    tracks = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            start_ns = round(event["ts"] * 1000)
            tracks[event["tid"]].append((start_ns, start_ns + round(event["dur"] * 1000)))
    for slices in tracks.values():
        slices.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(slices))


def test_there_is_a_slice_per_task_and_folded_ones_stand_for_the_rest(result, events):
    slices = [e for e in events if e["ph"] == "X"]
    folded = [e for e in slices if "folded_repetitions" in e["args"]]
    stages = result.timeline.stages
    assert len(slices) - len(folded) == sum(s.stage.graph.num_tasks for s in stages)
    assert sum(e["args"]["folded_repetitions"] for e in folded) == sum(s.stage.repeat - 1 for s in stages)
    last_us = max(e["ts"] + e["dur"] for e in slices)
    assert last_us == pytest.approx(result.latency_s * 1e6, abs=0.002)


def test_counters_of_a_link_integrate_to_its_bytes(result):
    # only stages drawn once: a folded repetition has no counters
    events = chrome_trace(result)["traceEvents"]
    links = result.table("links").set_index("link")
    once = all(stage.stage.repeat == 1 for stage in result.timeline.stages)
    by_name = defaultdict(list)
    for event in events:
        if event["ph"] == "C" and event["name"].endswith("(GB/s)"):
            by_name[event["name"].removesuffix(" (GB/s)")].append((event["ts"], event["args"]["GB/s"]))
    assert set(by_name) == set(links.index[links["bytes"] > 0])
    for name, points in by_name.items():
        assert max(rate for _, rate in points) * 1e9 == pytest.approx(links.loc[name, "peak_bytes_per_s"])
        assert points[-1][1] == 0.0
        if once:
            moved = sum(r * 1e3 * (b - a) for (a, r), (b, _) in pairwise(points))
            # each end is rounded to a nanosecond
            slack = 1e-9 * len(points) * links.loc[name, "capacity_bytes_per_s"]
            assert moved == pytest.approx(links.loc[name, "bytes"], abs=slack, rel=0.01)


def test_a_run_beyond_the_cap_keeps_its_beginning_and_says_what_is_left_out(result):
    trace = chrome_trace(result, max_events=40)
    drawn = [e for e in trace["traceEvents"] if e["ph"] != "M"]
    assert 0 < len(drawn) <= 40
    assert "slices and" in trace["otherData"]["left_out"]
    assert "left_out" not in chrome_trace(result)["otherData"]


def test_a_name_in_gz_is_compressed_and_the_same_twice(result, tmp_path):
    for name in ("a.json.gz", "b.json.gz", "c.json"):
        write_trace(result, tmp_path / name)
    packed = (tmp_path / "a.json.gz").read_bytes()
    assert packed == (tmp_path / "b.json.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "c.json").read_bytes()

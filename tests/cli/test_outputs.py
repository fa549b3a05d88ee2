"""Files that ``accelsim run`` writes beside its text."""

import gzip
import json

import pytest

RUN = ("run", "gpt2-xl", "--on", "nvidia-a100-sxm-80gb", "--context", "128", "--quiet")


def test_one_run_writes_page_trace_json_and_folder_that_agree(accelsim, tmp_path):
    pytest.importorskip("plotly")
    page, trace, data, folder = (tmp_path / name for name in ("r.html", "t.json.gz", "r.json", "out"))
    options = ("--report", page, "--trace", trace, "--json", data, "--save", folder)
    done = accelsim(*RUN, *map(str, options))
    assert (done.code, done.out, done.err) == (0, "", "")
    result = json.loads(data.read_text())
    saved = json.loads((folder / "result.json").read_text())
    assert saved == {**result, "tables": saved["tables"], "tables_sha256": saved["tables_sha256"]}
    assert all((folder / name).is_file() for name in saved["tables"].values())
    assert f'data-key="latency_s" data-value="{result["latency_s"]!r}"' in page.read_text()
    events = json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]
    last_us = max(e["ts"] + e["dur"] for e in events if e["ph"] == "X")
    assert last_us * 1e-6 == pytest.approx(result["latency_s"], abs=1e-9)


def test_a_report_needs_a_system_and_says_so(accelsim, tmp_path):
    done = accelsim("run", "--report", str(tmp_path / "r.html"))
    assert done.code == 2
    assert "--report" in done.err
    assert list(tmp_path.iterdir()) == []


def test_text_names_the_busiest_link_and_the_power(accelsim):
    done = accelsim("run", "llama3-8b", "--on", "nvidia-dgx-h100:2", "--plan", "tp=2", "--prompt", "256")
    assert done.code == 0
    assert "busiest link: " in done.out
    assert "mean, " in done.out
    assert "\x1b[" not in done.out  # no colour where the output is piped


def test_a_format_of_tables_without_a_folder_is_refused(accelsim):
    done = accelsim("run", "llama3-8b", "--on", "nvidia-dgx-h100:1", "--tables", "csv")
    assert (done.code, done.out) == (2, "")
    assert "Add --save DIR" in done.err

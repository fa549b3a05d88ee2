"""The report without a browser: complete, escaped, self-contained, or refused in words."""

import gzip
import importlib.util
import re
from dataclasses import replace

import pytest

from accelsim import Decode, Prefill, simulate
from accelsim.errors import ConfigError
from accelsim.results.bill import Rates
from accelsim.results.report.figures import _in_rows


@pytest.fixture(scope="module")
def result():
    return simulate("gpt2-xl", "nvidia-a100-sxm-80gb", Decode(1, 128), what_ifs=False)


def test_without_the_extra_the_message_says_what_to_install(result, monkeypatch):
    from accelsim.results.report import render_report

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "plotly" else found(name))
    with pytest.raises(ConfigError, match=r"the report needs plotly\. Install with: pip install 'accelsim\[report\]'"):
        render_report(result)


def test_the_page_names_no_address_and_is_the_same_twice(result):
    pytest.importorskip("plotly")
    from accelsim.results.report import render_report

    page = render_report(result)
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert "connect-src" not in page
    assert "default-src 'none'" in page
    assert page == render_report(result)


def test_the_charting_library_in_the_package_is_the_one_that_writes_the_charts():
    pytest.importorskip("plotly")
    from plotly.offline import get_plotlyjs_version

    from accelsim.results.report.page import PLOTLY_JS

    head = gzip.decompress(PLOTLY_JS.read_bytes())[:200].decode()
    version = re.search(r"plotly\.js \(basic - minified\) v(\d+)\.", head)
    assert version is not None
    assert version[1] == get_plotlyjs_version().partition(".")[0]


def test_cost_and_carbon_are_on_the_page_where_prices_are_stated(result):
    pytest.importorskip("plotly")
    from accelsim.results.report import render_report

    assert "per million tokens" not in render_report(result)
    priced = replace(result, rates=Rates(price_per_chip_hour=2.0, grid_gco2_per_kwh=300.0))
    page = render_report(priced)
    assert f'data-key="cost" data-value="{priced.bill["cost"]["total"]!r}"' in page
    assert f'data-key="carbon" data-value="{priced.bill["carbon"]["total_g"]!r}"' in page


def test_a_result_shows_itself_in_a_notebook_with_every_name_escaped(result):
    html = replace(result, model="<script>", warnings=("<b>careful</b>",))._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;careful" in html
    assert result.bottleneck.sentence in html


def test_every_row_of_the_timeline_of_a_pipeline_has_a_name() -> None:
    result = simulate("llama3-8b", "nvidia-dgx-h100", Prefill(4, 64), "tp=2,pp=2,microbatches=4", what_ifs=False)
    tasks = result.table("tasks")
    assert ((tasks["server"] == "") & (tasks["first_link"] == "")).any()  # joints of the graph
    rows = set(_in_rows(tasks)["row"])
    assert "" not in rows
    assert {"stream", "stream@1"} <= rows

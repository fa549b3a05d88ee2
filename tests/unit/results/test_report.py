"""The report without a browser: complete, escaped, self-contained, or refused in words."""

import importlib.util
import re

import pytest

from accelsim import Decode, simulate
from accelsim.errors import ConfigError


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


def test_a_result_shows_itself_in_a_notebook_with_every_name_escaped(result):
    from dataclasses import replace

    html = replace(result, model="<script>", warnings=("<b>careful</b>",))._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;careful" in html
    assert result.bottleneck.sentence in html

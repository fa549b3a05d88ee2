"""One self-contained HTML page per run."""

from accelsim.results.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]

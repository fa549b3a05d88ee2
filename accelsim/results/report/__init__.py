"""One self-contained HTML page per run."""

from accelsim.results.report.page import check_report_extra, render_report, write_report

__all__ = ["check_report_extra", "render_report", "write_report"]

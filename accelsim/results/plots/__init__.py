"""Pictures of results: breakdown, roofline, timeline, memory.  Each function returns matplotlib Axes.

matplotlib is imported here and nowhere else in the package; users import this module when they want a picture, so a
run without pictures does not pay for it.

Examples:
    >>> from accelsim.results.plots import plot_breakdown
"""

from accelsim.results.plots.breakdown import plot_breakdown
from accelsim.results.plots.collective import plot_collective
from accelsim.results.plots.curves import pareto_front, plot_pareto, plot_scaling
from accelsim.results.plots.floorplan import plot_floorplan, plot_link_load
from accelsim.results.plots.memory import plot_memory
from accelsim.results.plots.roofline import plot_roofline
from accelsim.results.plots.timeline import plot_timeline
from accelsim.results.plots.tornado import TornadoBar, plot_tornado
from accelsim.results.plots.validation import plot_validation

__all__ = [
    "TornadoBar",
    "pareto_front",
    "plot_breakdown",
    "plot_collective",
    "plot_floorplan",
    "plot_link_load",
    "plot_memory",
    "plot_pareto",
    "plot_roofline",
    "plot_scaling",
    "plot_timeline",
    "plot_tornado",
    "plot_validation",
]

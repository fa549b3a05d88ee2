"""Pictures of studies show every number they are given, and Pareto fronts by hand."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import pytest

from accelsim.results.plots import (
    TornadoBar,
    pareto_front,
    plot_collective,
    plot_pareto,
    plot_scaling,
    plot_tornado,
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_tornado_has_the_largest_reach_on_top_and_counts_what_it_leaves_out():
    bars = [TornadoBar("small", 1.01, 0.99), TornadoBar("large", 1.3, 0.8), TornadoBar("tiny", 1.001, 1.0)]
    ax = plot_tornado(bars, 0.1, max_bars=2)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["large", "small"]
    assert [round(p.get_width(), 6) for p in ax.patches] == [30.0, 1.0, -20.0, -1.0]
    assert "1 parameters with less influence left out" in ax.get_xlabel()
    with pytest.raises(ValueError, match="no parameter"):
        plot_tornado([], 0.1)


def test_scaling_draws_the_ideal_through_the_first_point_and_states_the_efficiency():
    ax = plot_scaling([1, 2, 4], {"a": [10.0, 18.0, 32.0]})
    assert list(ax.lines[1].get_ydata()) == [10.0, 20.0, 40.0]
    assert [t.get_text() for t in ax.texts] == ["80%"]
    with pytest.raises(ValueError, match="a: 2 values for 3 points"):
        plot_scaling([1, 2, 4], {"a": [1.0, 2.0]})


def test_the_collective_plot_has_a_curve_per_algorithm_in_gigabytes_per_second_and_the_link_above():
    curves = {"ring": ([1024, 2048], [1e9, 2e9]), "direct": ([1024, 2048], [3e9, 4e9])}
    ax = plot_collective(curves, link_bytes_per_s=5e9)
    drawn = [list(line.get_ydata()) for line in ax.lines]
    assert drawn == [pytest.approx([1.0, 2.0]), pytest.approx([3.0, 4.0]), pytest.approx([5.0, 5.0])]
    with pytest.raises(ValueError, match="ring: 1 sizes but 2 bandwidths"):
        plot_collective({"ring": ([1024], [1e9, 2e9])})


def test_the_pareto_front_holds_what_nothing_beats():
    x, y = [1.0, 2.0, 3.0, 2.0, 1.0], [5.0, 4.0, 1.0, 3.0, 5.0]
    assert pareto_front(x, y) == [0, 1, 2]  # (2, 3) is beaten by (2, 4); of two equal points one stays
    ax = plot_pareto(x, y, list("abcde"))
    assert [t.get_text() for t in ax.texts] == ["a", "b", "c"]
    assert sum(len(line.get_xdata()) for line in ax.lines) == len(x)

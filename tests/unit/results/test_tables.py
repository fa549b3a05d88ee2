"""Every table sums to the total in the JSON, on a GPU node, a wafer and a pipeline on a wafer."""

import numpy as np
import pytest

from accelsim import Decode, Prefill, simulate
from accelsim.errors import ConfigError
from accelsim.results.tables import TABLES
from accelsim.results.tables.columns import by_column, by_row

CASES = {
    "prefill on 8 GPUs": ("llama3-8b", "nvidia-dgx-h100", Prefill(1, 512), "tp=8"),
    "decode on 2 replicas": ("llama3-8b", "nvidia-dgx-h100:4", Decode(2, 256, steps=3), "tp=2,dp=2"),
    "a wafer": ("llama3-8b", "cerebras-cs2", Decode(1, 512), "tp=1"),
    "a pipeline on a wafer": ("llama3-8b", "cerebras-cs2", Prefill(1, 128), "execution=spatial"),
    "weights streamed to a wafer": ("llama3-8b", "cerebras-cs2", Prefill(1, 128), "execution=weight_streaming"),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def result(request):
    return simulate(*request.param, what_ifs=False)


@pytest.fixture(scope="module")
def data(result):
    return result.to_dict()


def sums(table, key, value):
    return {name: n for name, n in table.groupby(key)[value].sum().items() if n}


def test_operators_sum_to_flops_dynamic_energy_and_traffic(result, data):
    table = result.operators()
    assert table["flops"].sum() == data["flops"]
    assert table["energy_j"].sum() == pytest.approx(data["energy"]["dynamic_j"], rel=1e-9)
    for level, nbytes in data["traffic_bytes"].items():
        assert table[f"{level}_bytes"].sum() == pytest.approx(nbytes, rel=1e-9)


def test_causes_and_critical_path_sum_to_the_latency(result, data):
    assert result.causes()["time_s"].sum() == pytest.approx(data["latency_s"], rel=1e-6)
    assert result.table("critical_path")["time_s"].sum() == pytest.approx(data["latency_s"], rel=1e-6)
    assert sum(part["time_s"] for part in data["critical_path"]) == pytest.approx(data["latency_s"], rel=1e-6)


def test_tensors_and_roles_sum_to_the_traffic_of_the_main_memory(result, data):
    table = result.table("tensors")
    table["bytes"] = table["read_bytes"] + table["written_bytes"]
    by_role = data["main_memory_traffic_by_role_bytes"]
    assert sums(table, "role", "bytes") == pytest.approx(by_role, rel=1e-9)
    assert sums(result.table("roles"), "role", "bytes") == pytest.approx(by_role, rel=1e-9)


def test_traffic_is_that_of_the_json_and_below_the_published_peaks(result, data):
    table = result.traffic()
    assert sums(table, "level", "bytes") == pytest.approx(data["traffic_bytes"], rel=1e-12)
    rated = table[(table["peak_bytes_per_s"] > 0) & (table["kind"] == "memory")]
    assert len(rated)
    assert (rated["utilisation_fraction"] <= 1.0).all()


def test_link_use_and_tasks_sum_to_the_bytes_of_each_link_and_no_link_passes_its_capacity(result):
    links = result.table("links").set_index("link")
    assert sums(result.table("link_use"), "link", "bytes") == {k: n for k, n in links["bytes"].items() if n}
    tasks = result.table("tasks")
    assert (tasks["bytes"] * tasks["hops"] * tasks["repeat"]).sum() == links["bytes"].sum()
    assert (links["peak_bytes_per_s"] <= links["capacity_bytes_per_s"] * (1 + 1e-9)).all()
    used = links[links["bytes"] > 0]
    assert (used["mean_bytes_per_s"] <= used["peak_bytes_per_s"] * (1 + 1e-9)).all()
    # a link moves its bytes within its busy time at no more than its peak
    assert (used["bytes"] <= used["peak_bytes_per_s"] * used["busy_s"] * (1 + 1e-6) + 1).all()


def test_servers_count_every_task_that_has_one(result):
    tasks = result.table("tasks")
    servers = result.table("servers")
    on_server = tasks[tasks["server"] != ""]
    assert servers["tasks"].sum() == on_server["repeat"].sum()
    assert tasks["repeat"].sum() == result.mapped.program.num_tasks
    held_s = ((on_server["end_s"] - on_server["start_s"]) * on_server["repeat"]).sum()
    assert held_s == pytest.approx(servers["busy_s"].sum(), rel=1e-6)


def test_memory_over_time_peaks_at_the_footprint(result, data):
    table = result.table("memory")
    assert table["total_bytes"].max() == sum(data["memory_bytes"].values())
    parts = table[["weight_bytes", "kv_cache_bytes", "activation_bytes"]].sum(axis=1)
    assert (parts == table["total_bytes"]).all()


def test_energy_sums_to_the_json_by_component(result, data):
    table = result.table("energy")
    assert table["energy_j"].sum() == pytest.approx(data["energy_j"], rel=1e-9)
    assert sums(table, "component", "energy_j") == pytest.approx(
        {k: n for k, n in data["energy"]["by_component_j"].items() if n}, rel=1e-9
    )
    assert (table["energy_j"] >= -1e-9 * data["energy_j"]).all()


def test_power_over_time_integrates_to_the_energy(result, data):
    table = result.table("power")
    joules = (table["power_w"] * (table["end_s"] - table["start_s"]) * table["repeat"]).sum()
    assert joules == pytest.approx(data["energy_j"], rel=1e-6)
    assert data["power"]["mean_w"] == pytest.approx(data["energy_j"] / data["latency_s"])
    assert data["power"]["peak_w"] >= data["power"]["mean_w"] * (1 - 1e-9)


def test_columns_carry_their_units(result):
    plain = {"share", "count", "flops", "bytes", "tasks", "stage", "repeat", "steps", "task", "hops"}
    plain |= {"chip", "first_row", "first_col", "rows", "cols", "phase", "collective", "src", "dst", "times"}
    suffixes = ("_s", "_bytes", "_bytes_per_s", "_j", "_w", "_fraction")
    for name in TABLES:
        table = result.table(name)
        numeric = table.select_dtypes(include=np.number).columns
        assert not [c for c in numeric if c not in plain and not c.endswith(suffixes)], name


def test_an_unknown_table_suggests_the_nearest(result):
    with pytest.raises(ConfigError, match=r"no table 'operator'\. Known: operators, .* Did you mean 'operators'\?"):
        result.table("operator")


def test_energy_of_one_operator_by_hand():
    result = simulate("llama3-8b", "nvidia-dgx-h100:2", Prefill(1, 512), "tp=2", what_ifs=False)
    table = result.table("energy").set_index(["component", "kind"])["energy_j"]
    # Collectives cost their bytes times 8 pJ/bit = 64 pJ/B, nothing else.
    moved = sum(row.traffic_bytes["nvlink"] for row in result.ledger.rows if row.kind == "collective")
    assert table["nvlink", "collective"] == pytest.approx(moved * 64e-12)
    # Static: 2 chips at their idle power over the latency.
    assert table["static", ""] == pytest.approx(2 * result.machine.chip.idle_w * result.latency_s)


def test_tiles_hold_what_the_occupancy_says_and_do_not_overlap(result):
    table = result.table("tiles")
    if result.spatial is None:
        assert table.empty
        return
    held = table[["weight_bytes", "kv_cache_bytes", "buffer_bytes", "scratch_bytes"]].sum(axis=1)
    assert (held / table["capacity_bytes"]).to_numpy() == pytest.approx(table["fill_fraction"].to_numpy())
    taken = np.zeros((table["chip"].max() + 1, *result.machine.chip.core_grid), dtype=int)
    for group in table.itertuples():
        rows, cols = (
            slice(group.first_row, group.first_row + group.rows),
            slice(group.first_col, group.first_col + group.cols),
        )
        taken[group.chip, rows, cols] += 1
    assert taken.max() == 1
    assert taken.sum() == (table["rows"] * table["cols"]).sum()


def test_busy_power_is_drawn_while_a_chip_works_and_power_over_time_holds_it(result):
    chip, table = result.machine.chip, result.table("energy")
    assert table.loc[table["component"] == "busy", "energy_j"].sum() == pytest.approx(result.energy.busy_j)
    assert result.energy.busy_j <= chip.busy_w * result.num_chips * result.latency_s * (1 + 1e-9)
    if chip.busy_w and result.spatial is None:
        idle_s = result.ledger.cause_s.get("idle", 0.0)
        drawn_s = result.latency_s - idle_s - result.ledger.rest_s  # at full busy power
        assert result.energy.busy_j == pytest.approx(chip.busy_w * result.num_chips * drawn_s)
    power = result.table("power")
    spent = ((power["end_s"] - power["start_s"]) * power["power_w"] * power["repeat"]).sum()
    assert spent == pytest.approx(result.energy.total_j, rel=1e-6)


@pytest.mark.parametrize("name", TABLES)
def test_columns_are_the_table_without_pandas(result, name):
    columns, table = result.columns(name), result.table(name)
    assert [*columns] == [*table.columns]
    assert all([*values] == table[key].tolist() for key, values in columns.items())


def test_a_table_is_a_copy_that_may_be_changed(result):
    before = result.timeline.link_bytes.copy()
    table = result.table("links")
    table["bytes"] += 1
    assert (result.timeline.link_bytes == before).all()


def test_rows_turn_into_columns_and_back():
    rows = [("a", 1), ("b", 2)]
    assert by_column(rows, ("name", "size")) == {"name": ["a", "b"], "size": [1, 2]}
    assert by_row(by_column(rows, ("name", "size"))) == [{"name": "a", "size": 1}, {"name": "b", "size": 2}]
    assert by_row(by_column([], ("name", "size"))) == []
    with pytest.raises(ValueError, match="zip"):
        by_column([("a", 1, 2)], ("name", "size"))

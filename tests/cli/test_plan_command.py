"""``accelsim plan``: what auto tries, the best first, and why the rest is not run."""

import io
import json

from rich.console import Console

from accelsim.cli.tables import Columns, fitted_table


def test_the_best_plan_is_what_auto_takes(accelsim):
    work = ("llama3-8b", "--on", "nvidia-dgx-h100", "--context", "2048", "--json", "-")
    found, auto = json.loads(accelsim("plan", *work).out), json.loads(accelsim("run", *work).out)
    latencies = [plan["latency_s"] for plan in found["plans"]]
    assert latencies == sorted(latencies)
    assert (found["plans"][0]["plan"], latencies[0]) == (auto["plan"], auto["latency_s"])
    assert len(found["tried"]) == 4  # tp = 1, 2, 4, 8


def test_plans_that_do_not_fit_are_counted_with_a_reason(accelsim):
    done = accelsim("plan", "llama3-70b", "--on", "nvidia-dgx-h100", "--context", "2048", "--best", "2")
    assert done.code == 0
    assert "4 tried, 3 run." in done.out
    assert "1 refused" in done.out and "needs 141.8 GB of 80 GiB hbm" in " ".join(done.out.split())
    assert sum(line.startswith("tp=") for line in done.out.splitlines()) == 2
    assert max(map(len, done.out.splitlines())) <= 80


def test_both_executions_of_a_wafer_are_tried(accelsim):
    done = accelsim("plan", "llama3-8b", "--on", "cerebras-cs3", "--context", "256", "--best", "1", "--json", "-")
    plans = [one["plan"] for one in json.loads(done.out)["tried"]]
    assert any(plan.startswith("region=") for plan in plans)
    assert any(plan.startswith("execution=spatial") for plan in plans)


def test_a_model_that_fits_nowhere_ends_as_a_run_does(accelsim):
    done = accelsim("plan", "llama3-70b", "--on", "nvidia-h100-sxm", "--prompt", "64")
    assert done.code == 3
    assert "short" in done.err and not done.out


def test_a_plan_that_is_given_is_refused(accelsim):
    done = accelsim("plan", "llama3-8b", "--on", "nvidia-dgx-h100", "--context", "2048", "--plan", "tp=2")
    assert done.code == 2
    assert "--plan: this command tries every plan" in done.err


def test_the_largest_batch_is_that_of_the_best_plan(accelsim):
    work = ("llama3-8b", "--on", "nvidia-h100-sxm", "--phase", "decode", "--batch", "max", "--json", "-")
    found, run = json.loads(accelsim("plan", *work).out), json.loads(accelsim("run", *work).out)
    assert found["plans"][0]["phase"] == run["phase"]
    assert run["phase"]["batch"] > 1


def test_long_plans_take_lines_of_their_own_before_numbers_lose_digits():
    console = Console(width=60, file=io.StringIO())
    plan = "execution=spatial, placer=snake, chunk=1, pieces=16, rectangles=shared"
    columns = Columns(("plan", "latency", "memory"), numeric=("latency", "memory"))
    console.print(fitted_table(console, "", columns, [{"plan": plan, "latency": "1.188 ms", "memory": "934.2 MB"}]))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    assert any("1.188 ms" in line and "934.2 MB" in line for line in lines)
    assert "rectangles=shared" in " ".join(console.file.getvalue().split())


def test_refusals_are_all_counted_by_kind_with_the_plan_nearest_to_running(accelsim):
    done = accelsim("plan", "llama2-70b", "--on", "nvidia-dgx-h100", "--context", "64", "--batch", "512", "--json", "-")
    found = json.loads(done.out)
    refused = [one["plan"] for one in found["tried"] if "refused" in one]
    assert sorted(plan for kind in found["refusals"] for plan in kind["plans"]) == sorted(refused)
    assert [kind["plans"] for kind in found["refusals"]] == [refused] and len(refused) == 1  # all lack memory
    named = found["refusals"][0]
    assert named["plans"][0] in named["reason"]


def test_kinds_of_refusals_are_told_apart_by_what_does_not_differ_from_plan_to_plan():
    from accelsim.errors import CapacityError, PlanError
    from accelsim.mapping.auto import Tried
    from accelsim.mapping.plan import Plan
    from accelsim.study.plans import Plans

    inf = float("inf")
    plans = [Plan(tp=tp) for tp in (8, 4, 2)]
    lacking = [Tried(p, inf, CapacityError(f"m, plan {p}: needs {p.tp} GB (w {p.tp} B) of 80 GiB hbm.")) for p in plans]
    tried = (*lacking, Tried(Plan(dp=3), inf, PlanError("plan: dp=3 does not divide batch 8.")))
    kinds = Plans((), tried).refusals
    assert [kind.plans for kind in kinds] == [tuple(plans), (Plan(dp=3),)]
    assert kinds[0].reason == "m, plan tp=8: needs 8 GB (w 8 B) of 80 GiB hbm."

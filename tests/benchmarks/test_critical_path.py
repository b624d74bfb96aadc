"""Airflow's share of a run hangs on its critical path: gaps are Airflow's, work is not."""

import pytest
from critical_path import Link, Task, critical_path, waits_in_graph

GRAPH = {"plan": ["extract"], "extract": ["preprocess"], "preprocess": ["shard"], "shard": []}
WAITS = waits_in_graph(GRAPH, [("extract", "preprocess")])


def task(step: str, queued: float, begun: float, ended: float, inside: float, index: int = -1, pool: str = "") -> Task:
    return Task(step, index, pool, queued, begun, ended, inside)


def path_of(tasks: list[Task], most: int = 9, pools: dict[str, int] | None = None) -> list[Link]:
    return critical_path(tasks, 0.0, WAITS, pools or {}, most)


def names(path: list[Link]) -> list[str]:
    return [f"{link.task.step} {link.task.map_index}" for link in path]


TWO_BATCHES = [
    task("plan", 0.5, 1.0, 3.0, 1.5),
    task("extract", 3.2, 4.0, 9.0, 4.5, 0),
    task("extract", 3.2, 4.0, 6.0, 1.5, 1),
    task("preprocess", 9.1, 9.5, 10.0, 0.3, 0),
    task("preprocess", 6.1, 6.5, 20.0, 13.0, 1),
    task("shard", 20.3, 21.0, 22.0, 0.5),
]


def test_a_batch_waits_for_itself_and_the_slowest_chain_is_the_path():
    assert names(path_of(TWO_BATCHES)) == ["plan -1", "extract 1", "preprocess 1", "shard -1"]


def test_gaps_overheads_and_work_add_up_to_the_time_from_trigger_to_end():
    path = path_of(TWO_BATCHES)
    assert [round(link.waited_s, 3) for link in path] == [1.0, 1.0, 0.5, 1.0]
    assert [round(link.around_s, 3) for link in path] == [0.5, 0.5, 0.5, 0.5]
    assert sum(link.waited_s + link.around_s + link.task.inside_s for link in path) == pytest.approx(22.0)


def test_waiting_for_a_slot_is_waiting_for_the_work_that_held_it():
    one_slot = [
        task("plan", 0.5, 1.0, 3.0, 1.5),
        task("extract", 3.2, 4.0, 9.0, 4.5, 0),
        task("extract", 9.2, 9.5, 12.0, 2.0, 1),
        task("shard", 12.5, 13.0, 14.0, 0.5),
    ]
    graph = waits_in_graph({"plan": ["extract"], "extract": ["shard"], "shard": []}, [])
    path = critical_path(one_slot, 0.0, graph, {}, 1)
    assert names(path) == ["plan -1", "extract 0", "extract 1", "shard -1"]
    free = critical_path(one_slot, 0.0, graph, {}, 2)
    assert names(free) == ["plan -1", "extract 1", "shard -1"]
    assert free[1].waited_s == 6.5


def test_waiting_for_a_worker_is_waiting_for_the_work_that_kept_it_busy():
    all_queued_at_once = [
        task("plan", 0.5, 1.0, 3.0, 1.5),
        task("extract", 3.2, 4.0, 9.0, 4.5, 0),
        task("extract", 3.2, 9.5, 12.0, 2.0, 1),
    ]
    assert names(path_of(all_queued_at_once, most=1)) == ["plan -1", "extract 0", "extract 1"]
    with_a_free_worker = path_of(all_queued_at_once, most=2)
    assert names(with_a_free_worker) == ["plan -1", "extract 1"]
    assert with_a_free_worker[1].waited_s == 6.5


def test_waiting_for_a_pool_is_waiting_for_the_work_that_filled_it():
    pooled = [
        task("plan", 0.5, 1.0, 3.0, 1.5),
        task("extract", 3.2, 4.0, 9.0, 4.5, 0, "gpu"),
        task("extract", 9.2, 9.5, 12.0, 2.0, 1, "gpu"),
    ]
    assert names(path_of(pooled, pools={"gpu": 1})) == ["plan -1", "extract 0", "extract 1"]
    assert names(path_of(pooled, pools={"gpu": 2})) == ["plan -1", "extract 1"]

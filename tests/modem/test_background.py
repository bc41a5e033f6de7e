"""Calls that block in the kernel, beside the loop: with real threads that really wait."""

from __future__ import annotations

import select
import threading
import time
from contextlib import closing
from functools import partial

import pytest
from lines import Gate, join_port_threads, port_threads, python
from servers import PATIENCE_SECONDS

from onlinesim_rent.modem.background import QUICK_TASKS, STUCK_SECONDS, THREADS_FOR_SLOW, Background
from onlinesim_rent.modem.ports.serial_lines import NOT_SERIAL

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


def serve(background: Background, done: list[object], count: int) -> int:
    """Do the loop's part until so many outcomes have run; returns how many of its turns saw new threads."""
    end, turns, threads = time.monotonic() + PATIENCE_SECONDS, 0, 0
    while len(done) < count:
        before, threads = threads, len(port_threads())
        turns += threads > before
        assert time.monotonic() < end
        if select.select([background], [], [], STUCK_SECONDS)[0]:
            for outcome in background.outcomes():
                outcome()
        if background.has_waiting:
            background.reinforce()
    return turns


def is_woken(background: Background) -> bool:
    return bool(select.select([background], [], [], 0)[0])


def waiting_at(gate: Gate, done: list[object], name: object = "stuck"):
    def task():
        gate.wait()
        return partial(done.append, name)

    return task


def at_once(done: list[object], name: object):
    return lambda: partial(done.append, name)


def test_threads_run_the_tasks_and_the_loop_runs_the_outcomes():
    done: list[object] = []
    with closing(Background()) as background:
        background.submit(*(lambda: lambda: done.append(threading.current_thread()) for _ in range(500)))
        serve(background, done, 500)
        # A busy host may let threads seem slow or stuck for a moment, but never one for each task.
        assert len(port_threads()) <= 2 * THREADS_FOR_SLOW
    assert done == [threading.current_thread()] * 500


def test_note_3_dozens_of_stuck_tasks_barely_delay_the_next(monkeypatch: pytest.MonkeyPatch):
    # Every task counts as stuck at once: otherwise a busy host, which starts threads late, takes more turns.
    monkeypatch.setattr("onlinesim_rent.modem.background.STUCK_SECONDS", 0.0)
    done: list[object] = []
    # Not hundreds: a busy host takes half a minute to start so many threads.
    with Gate() as gate, closing(Background()) as background:
        background.submit(*(waiting_at(gate, done) for _ in range(64)), at_once(done, "sound"))
        turns = serve(background, done, 1)
        assert done == ["sound"]
        # At each turn as many threads are added as are stuck; one at a time would take 64 turns.
        assert turns <= 32


def test_note_3_tasks_of_slow_drivers_run_side_by_side():
    done: list[object] = []
    running: set[int] = set()

    def task():
        running.add(threading.get_ident())
        at_work = len(running)
        time.sleep(STUCK_SECONDS / 2)
        running.remove(threading.get_ident())
        return partial(done.append, at_work)

    with closing(Background()) as background:
        background.submit(*[task] * 64)
        serve(background, done, 64)
    assert max(done) > THREADS_FOR_SLOW / 2


def test_quick_tasks_do_not_wake_the_loop_while_others_wait():
    done: list[object] = []
    quick = [at_once(done, number) for number in range(QUICK_TASKS)]
    arrived = threading.Event()

    def arrive():
        arrived.set()
        gate.wait()
        return partial(done.append, "stuck")

    with Gate() as gate, closing(Background()) as background:
        background.submit(*quick, arrive, *(waiting_at(gate, done) for _ in range(64)))
        arrived.wait(PATIENCE_SECONDS)
        background.reinforce()
        assert not is_woken(background)
        # No task has ended since then: these are not quick.
        background.reinforce()
        assert is_woken(background)
    assert set(range(QUICK_TASKS)) < set(done)


def test_a_stuck_task_holds_up_no_outcome_of_another():
    done: list[object] = []
    with Gate() as gate, closing(Background()) as background:
        background.submit(at_once(done, "sound"), waiting_at(gate, done))
        serve(background, done, 1)
        assert done == ["sound"]


def test_a_stuck_task_runs_its_own_outcome_after_the_end():
    done: list[object] = []
    with Gate() as gate:
        with closing(Background()) as background:
            background.submit(waiting_at(gate, done))
        assert done == []
        gate.open()
        join_port_threads()
        assert done == ["stuck"]


def test_a_task_that_waits_at_the_end_still_runs():
    done: list[object] = []
    with Gate() as gate:
        with closing(Background()) as background:
            background.submit(
                *(waiting_at(gate, done) for _ in range(5)), *(at_once(done, n) for n in range(5))
            )
        for thread in port_threads():
            thread.join(STUCK_SECONDS)
        gate.open()
        join_port_threads()
        assert len(done) == 10


def test_a_stuck_task_at_the_end_holds_up_no_other():
    done: list[object] = []
    ran = threading.Event()
    with Gate() as gate:
        with closing(Background()) as background:
            background.submit(waiting_at(gate, done), lambda: ran.set)
        assert ran.wait(PATIENCE_SECONDS)
        assert done == []


def test_an_outcome_that_the_loop_never_fetched_still_runs():
    done: list[object] = []
    with closing(Background()) as background:
        background.submit(at_once(done, "late"))
        assert select.select([background], [], [], PATIENCE_SECONDS)[0]
        assert done == []
    join_port_threads()
    assert done == ["late"]


def test_a_task_that_an_outcome_adds_after_the_end_is_done():
    done: list[object] = []
    with closing(Background()) as background:
        background.submit(lambda: lambda: background.submit(at_once(done, "added")))
    join_port_threads()
    assert done == ["added"]


def test_thread_exhaustion_does_not_break_the_deadline():
    code = """
import json, resource, time
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.probe import Prober
soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
prober = Prober(115200)
shown = []
for limit, seconds in ((0, 1.5), (soft, 20.0)):
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, hard))
    findings = prober.probe(find_ports(["/dev/null", "/dev/zero"]), time.monotonic() + seconds)
    shown.append([finding.reason for finding in findings])
print(json.dumps(shown))
"""
    (without, with_threads), _ = python(code, ordinary=True)
    assert all("before the census ended" in reason for reason in without)
    assert with_threads == [NOT_SERIAL] * 2


def test_note_4_stuck_threads_do_not_keep_python_from_ending():
    code = """
import os, select, time
from onlinesim_rent.modem.background import Background
from onlinesim_rent.modem.ports.serial_lines import NOT_SERIAL
reading, writing = os.pipe()
background = Background()
background.submit(*[lambda: os.read(reading, 1)] * 64)
while background.has_waiting:
    select.select([background], [], [], 0.02)
    background.reinforce()
background.close()
print(time.clock_gettime(time.CLOCK_MONOTONIC))
"""
    ended_at, _ = python(code)
    # An interpreter that waits for its threads would never end.
    assert time.monotonic() - ended_at < PATIENCE_SECONDS / 2

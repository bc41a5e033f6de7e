"""The order of the times that belong to different rooms, and must fit each other."""

from __future__ import annotations

import runpy

from servers import PROJECT

from onlinesim_rent.census import cache, own_modules
from onlinesim_rent.modem import background, connections, probing, proof, turns
from onlinesim_rent.modem.protocol import dialogue
from onlinesim_rent.settings.values import deadline_seconds

MARKETPLACE_SECONDS = 10.0
DEADLINE_SECONDS = 8.0


def test_a_sick_port_costs_a_census_no_more_than_a_silent_one():
    silent = dialogue.AT_ATTEMPTS * dialogue.AT.patience
    assert background.STUCK_SECONDS < silent < turns.OPEN_SECONDS
    assert connections.CONNECT_SECONDS <= turns.OPEN_SECONDS < cache.LEAST_SECONDS == 3.0


def test_an_application_of_your_own_has_time_to_ask_a_silent_module():
    silent = dialogue.AT_ATTEMPTS * dialogue.AT.patience
    assert silent < own_modules.ASK_SECONDS < cache.PROOF_MARGIN_SECONDS


def test_a_module_that_answers_slowly_has_time_for_a_slow_sim():
    pauses = dialogue.CPIN_RETRY_PAUSE + dialogue.CPIN.patience
    assert pauses < DEADLINE_SECONDS - cache.RESERVE_SECONDS
    assert max(each.patience for each in (dialogue.CGSN, dialogue.CIMI, dialogue.CREG, dialogue.CPAS)) <= 3.0


def test_the_reserve_covers_what_follows_the_deadline_of_the_ports():
    assert abs(cache.RESERVE_SECONDS - probing.CLOSE_SECONDS - probing.LAST_LOOK_SECONDS) < 1e-9


def test_a_port_is_closed_when_its_module_is_asked_again():
    assert proof.PAUSE_SECONDS >= probing.CLOSE_SECONDS


def test_a_proof_that_a_census_accepts_is_young_enough_to_be_answered():
    at_the_deadline = cache.RESERVE_SECONDS + cache.LATE_SECONDS
    before_the_deadline = probing.EARLY_CLOSE_SECONDS + probing.LAST_LOOK_SECONDS
    assert proof.PROOF_SECONDS + max(at_the_deadline, before_the_deadline) < cache.PROOF_MARGIN_SECONDS


def test_an_answer_is_there_before_the_marketplace_gives_up():
    longest = deadline_seconds("9.5")
    gunicorn = runpy.run_path(str(PROJECT / "gunicorn.conf.py"))
    assert DEADLINE_SECONDS + cache.LATE_SECONDS < longest < MARKETPLACE_SECONDS
    assert longest < gunicorn["graceful_timeout"] < gunicorn["timeout"]

"""Chaos in virtual time, and the check that it would find what it looks for."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from chaos import play
from servers import PROJECT, environment
from virtual import VirtualHost

from onlinesim_rent.census import counting
from onlinesim_rent.census.claims import Claims
from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem.probing import Probing
from onlinesim_rent.modem.proof import NEVER
from onlinesim_rent.modem.protocol.dialogue import Dialogue, prove
from onlinesim_rent.modem.protocol.v250 import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

DIALOGUES = 2_500
"""As many as the suite has time for; ``make chaos`` runs more."""
OK = Response("", (), "OK")


def false_counts(new_dialogue=prove, banks=60) -> Iterator[str]:
    """Yield, bank after bank, the modules that are counted and should not be."""
    for seed in range(banks):
        yield from play(seed, new_dialogue).false


def answering(command: str, number: int, *lines: str) -> Dialogue:
    """A prover that skips its number-th question of a kind, and reads the lines as the answer."""
    dialogue, asked = prove(), 0
    try:
        question = next(dialogue)
        while True:
            asked += question.text == command
            if question.text == command and asked == number:
                question = dialogue.send(replace(OK, command=command, lines=lines))
            else:
                question = dialogue.send((yield question))
    except StopIteration as proof:
        return proof.value


def without_asking_for_calls() -> Dialogue:
    return (yield from answering("AT+CPAS", 1, "+CPAS: 0"))


def without_asking_for_the_network() -> Dialogue:
    return (yield from answering("AT+CREG?", 1, "+CREG: 0,1"))


def counting_stat_0() -> Dialogue:
    """Treats an unregistered module as registered at home."""
    dialogue = prove()
    try:
        question = next(dialogue)
        while True:
            response = yield question
            lines = tuple(re.sub(r"^(\+CREG: [0-9]),0", r"\1,1", line) for line in response.lines)
            question = dialogue.send(replace(response, lines=lines))
    except StopIteration as proof:
        return proof.value


def reading_the_imsi_once() -> Dialogue:
    """Uses the first reading as the second too."""
    dialogue, first = prove(), None
    try:
        question = next(dialogue)
        while True:
            if question.text == "AT+CIMI" and first:
                question = dialogue.send(first)
                continue
            response = yield question
            if question.text == "AT+CIMI":
                first = response
            question = dialogue.send(response)
    except StopIteration as proof:
        return proof.value


def with_a_tenth_of_the_patience() -> Dialogue:
    dialogue = prove()
    try:
        question = next(dialogue)
        while True:
            question = dialogue.send((yield replace(question, patience=question.patience / 10)))
    except StopIteration as proof:
        return proof.value


def test_chaos_counts_none_too_many_and_misses_none():
    finished = subprocess.run(
        [sys.executable, "tests/support/chaos.py", "--dialogues", str(DIALOGUES), "--seed", "1"],
        cwd=PROJECT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    assert ", 0 too many, 0 missed, " in finished.stdout
    slowest = re.search(r"slowest census ([0-9.]+) s", finished.stdout)
    closing_and_a_busy_reader = 0.1 + 2 * 0.05
    assert slowest
    assert float(slowest[1]) <= 8.0 + closing_and_a_busy_reader


def test_a_seed_plays_the_same_every_time():
    transcripts = [], []
    outcomes = [play(7, transcript=transcript) for transcript in transcripts]
    assert outcomes[0] == outcomes[1]
    assert transcripts[0] == transcripts[1]
    assert outcomes[0] != play(8)


@pytest.mark.parametrize(
    "wrong",
    [without_asking_for_calls, without_asking_for_the_network, counting_stat_0, reading_the_imsi_once],
)
def test_chaos_finds_a_dialogue_that_counts_too_many(wrong):
    assert any(false_counts(wrong))


def test_chaos_finds_a_dialogue_that_has_too_little_patience():
    assert any(play(seed, with_a_tenth_of_the_patience).missed for seed in range(12))


def test_chaos_finds_proofs_that_grow_old(monkeypatch):
    monkeypatch.setattr(Probing, "_is_too_old", lambda *_: False)
    monkeypatch.setattr(Probing, "_review", lambda self: setattr(self, "_reviews_at", NEVER))
    assert any("after its proof" in what for what in false_counts())


def test_chaos_finds_a_loop_that_does_not_look_at_its_end(monkeypatch):
    monkeypatch.setattr(Probing, "_check_counted", lambda _: None)
    assert any("is gone or held" in what for what in false_counts())


def test_chaos_finds_a_loop_that_ignores_the_ports_of_a_module(monkeypatch):
    monkeypatch.setattr(VirtualHost, "_ports_of_modules", lambda _: {})
    assert any("its module is held" in what for what in false_counts())


def test_chaos_finds_a_count_that_ignores_claims(monkeypatch):
    monkeypatch.setattr(counting, "claims_by_port", lambda *_: {})
    assert any("is answered, and claimed" in what for what in false_counts())


def test_chaos_finds_a_kept_census_with_old_claims(monkeypatch):
    monkeypatch.setattr(Claims, "fingerprint", "")
    assert any("is answered, and claimed" in what for what in false_counts())


def test_chaos_finds_a_count_that_ignores_other_ports(monkeypatch):
    monkeypatch.setattr(counting, "_SAYS_NOTHING", frozenset(Verdict) - {Verdict.AVAILABLE})
    assert any(" shows " in what for what in false_counts())

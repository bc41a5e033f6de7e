"""Chaos in virtual time, and the check that it would find what it looks for."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from chaos import DEADLINE_SECONDS, Outcome, play
from servers import PROJECT, environment

from onlinesim_rent.modem.dialogue import Dialogue, prove
from onlinesim_rent.modem.v250 import Response

DIALOGUES = 100_000
OK = Response("", (), "OK")


def played(new_dialogue, banks=12) -> Outcome:
    outcome = Outcome()
    for seed in range(banks):
        outcome += play(seed, new_dialogue)
    return outcome


def answering(command: str, number: int, *lines: str) -> Dialogue:
    """A prover that does not put its number-th question of a kind, and takes the lines for the answer."""
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
    """Takes a module that is not registered for one that is at home."""
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
    """Takes the first reading for the second as well."""
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


def test_a_hundred_thousand_dialogues_count_none_too_many_and_miss_no_sound_module():
    finished = subprocess.run(
        [sys.executable, "tests/chaos.py", "--dialogues", str(DIALOGUES), "--seed", "1"],
        cwd=PROJECT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    assert ", 0 too many, 0 missed, " in finished.stdout


def test_a_seed_plays_the_same_every_time():
    transcripts = [], []
    outcomes = [play(7, transcript=transcript) for transcript in transcripts]
    assert outcomes[0] == outcomes[1]
    assert transcripts[0] == transcripts[1]
    assert outcomes[0] != play(8)


def test_every_census_ends_by_its_deadline():
    assert played(prove).slowest <= DEADLINE_SECONDS


@pytest.mark.parametrize(
    "wrong",
    [without_asking_for_calls, without_asking_for_the_network, counting_stat_0, reading_the_imsi_once],
)
def test_chaos_finds_a_dialogue_that_counts_too_many(wrong):
    assert played(wrong).false


def test_chaos_finds_a_dialogue_that_has_too_little_patience():
    outcome = played(with_a_tenth_of_the_patience)
    assert outcome.missed
    assert not outcome.false

"""An answer's bytes are kept as long as its census, and no longer."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest
from hand_census import RUSSIA_AND_UKRAINE, census_of
from marketplace import BODY, HEADERS

from onlinesim_rent.application import create_app
from onlinesim_rent.census.cache import CensusCache
from onlinesim_rent.census.counting import Census
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import CensusError
from onlinesim_rent.web.answers import CensusAnswers

SECONDS = 5.0


class Bank:
    """Modules of one network, whose number and time a test changes."""

    def __init__(self) -> None:
        # The route counts its deadline on the real clock.
        self.now = boot_clock()
        self.modules = 1
        self.failure: CensusError | None = None

    def take(self, _deadline: float) -> Census:
        if self.failure:
            raise self.failure
        return census_of({("russia", "beeline"): self.modules})


@pytest.fixture
def bank():
    return Bank()


@pytest.fixture
def runtime(tmp_path):
    return tmp_path / "runtime"


@pytest.fixture
def client(settings, runtime, bank):
    """A client of the service whose time and modules a test sets."""
    cache = CensusCache(runtime, SECONDS, bank.take, record=lambda *_: None, clock=lambda: bank.now)
    return create_app(settings, cache).test_client()


def answered(client) -> int | str:
    """The number that is answered, or the error."""
    answer = client.post("/getServicesRent", data=BODY, headers=HEADERS).json
    if answer["status"] == "ERROR":
        return answer["error"]
    return answer["countryList"][0]["operatorMap"]["any"]["rent"]


def test_an_answer_ages_out_though_its_bytes_are_kept(client, bank):
    assert answered(client) == 1
    bank.modules = 2
    bank.now += SECONDS - 0.01
    assert answered(client) == 1
    bank.now += 0.01
    assert answered(client) == 2


def take_another(runtime: Path) -> None:
    cache = CensusCache(runtime, 0.0, lambda _: census_of({("russia", "beeline"): 7}), record=lambda *_: None)
    cache.get(boot_clock() + 20)


def test_a_census_of_another_process_is_answered_next(settings, runtime, bank):
    cache = CensusCache(runtime, 60.0, bank.take, record=lambda *_: None)
    client = create_app(settings, cache).test_client()
    assert [answered(client), answered(client)] == [1, 1]
    process = multiprocessing.get_context("spawn").Process(target=take_another, args=(runtime,))
    process.start()
    process.join(20)
    assert process.exitcode == 0
    assert answered(client) == 7


def test_a_failed_census_shows_though_an_answer_is_kept(client, bank):
    assert answered(client) == 1
    bank.failure = CensusError("no descriptors are left")
    bank.now += SECONDS
    assert answered(client) == "no descriptors are left"
    assert client.get("/healthz").status_code == 503
    bank.failure = None
    assert answered(client) == 1
    assert client.get("/healthz").status_code == 200


def test_a_directory_open_to_others_shows_though_an_answer_is_kept(client, runtime):
    assert answered(client) == 1
    runtime.chmod(0o777)
    assert "RENT_RUNTIME_DIR" in answered(client)
    runtime.chmod(0o700)
    assert answered(client) == 1


def test_a_census_of_another_boot_ends_the_kept_answer(client, bank, runtime):
    assert answered(client) == 1
    bank.modules = 2
    file = runtime / "census.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"boot": "another"}))
    assert answered(client) == 2


def test_a_clock_that_went_back_ends_the_kept_answer(client, bank):
    assert answered(client) == 1
    bank.modules = 2
    bank.now -= 1.0
    assert answered(client) == 2


def test_the_answer_to_a_census_is_written_once():
    answers, census = CensusAnswers(), census_of(RUSSIA_AND_UKRAINE)
    first = answers.of(census)
    assert answers.of(census) is first
    assert first.packed is first.packed


def test_another_census_is_another_answer():
    answers = CensusAnswers()
    plain = [answers.of(census_of({("russia", "beeline"): number})).plain for number in (1, 2, 1)]
    assert plain[0] == plain[2] != plain[1]

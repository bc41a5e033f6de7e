"""docs/field-notes.md has every note that a test's name cites, and every test that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "docs" / "field-notes.md").read_text()

NUMBERS = [int(number) for number in re.findall(r"^## (\d+)\. \S", TEXT, re.MULTILINE)]
LINKS = re.findall(r"\]\(\.\./(tests/[^)]*)\)(?::\s+((?:`\w+`,?\s+)+))?", TEXT)
"""Each link to a file of tests, with the names of tests behind it."""


def names_of_tests(path: Path) -> list[str]:
    return re.findall(r"^ *(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE)


def notes_cited_by(test: str) -> set[int]:
    citations = re.findall(r"_note(_\d+)|_notes((?:_and|_\d+)+)", test)
    return {int(number) for one, several in citations for number in re.findall(r"\d+", one + several)}


def test_the_notes_are_numbered_without_a_gap():
    assert list(range(1, len(NUMBERS) + 1)) == NUMBERS


@pytest.mark.parametrize(
    ("test", "notes"),
    [
        ("test_note_5_512_ports_are_asked", {5}),
        ("test_notes_1_and_2_a_holder_notices_nothing", {1, 2}),
        ("test_notes_8_9_and_21_others_are_told", {8, 9, 21}),
        ("test_200_footnotes_cite_nothing", set()),
    ],
)
def test_a_name_cites_notes_by_number(test: str, notes: set[int]):
    assert notes_cited_by(test) == notes


def test_every_note_that_a_test_cites_is_there():
    missing = {
        (path.name, test)
        for path in TESTS.rglob("test_*.py")
        for test in names_of_tests(path)
        if not notes_cited_by(test) <= set(NUMBERS)
    }
    assert missing == set()


def test_every_test_that_a_note_names_is_in_the_file_it_links():
    missing = {
        (path, test)
        for path, named in LINKS
        for test in re.findall(r"\w+", named)
        for file in TESTS.rglob(Path(path).name)
        if test not in names_of_tests(file)
    }
    assert missing == set()


def test_every_link_leads_to_one_file_and_names_tests_of_it():
    assert {path for path, named in LINKS if not named} == set()
    assert {path for path, _ in LINKS if len(list(TESTS.rglob(Path(path).name))) != 1} == set()


def test_every_test_that_is_named_stands_behind_a_link():
    assert re.findall(r"`(test_\w+)`", TEXT) == re.findall(r"\w+", " ".join(named for _, named in LINKS))

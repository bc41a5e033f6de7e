"""The directory of claims, with real files."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest
from lines import python

from onlinesim_rent.census import claims_directory
from onlinesim_rent.census.claims_directory import SETTLED_SECONDS, ClaimsDirectory
from onlinesim_rent.finding import CensusError

IMSI = "imsi-250990000000001"
LONG_AGO = (1_000_000_000, 1_000_000_000)


@pytest.fixture
def directory(tmp_path: Path) -> ClaimsDirectory:
    return ClaimsDirectory(tmp_path)


def test_a_claim_is_there_from_when_it_is_made_until_removed(directory):
    assert directory.current().names == frozenset()
    assert directory.add(IMSI, "order 7")
    assert directory.current().names == {IMSI}
    assert directory.remove(IMSI)
    assert directory.current().names == frozenset()


def test_a_claim_can_be_made_once_and_removed_once(directory):
    assert [directory.add(IMSI) for _ in range(2)] == [True, False]
    assert [directory.remove(IMSI) for _ in range(2)] == [True, False]


def test_any_program_can_make_a_claim_with_a_file(directory, tmp_path):
    (tmp_path / "port-ttyUSB3").touch()
    (tmp_path / IMSI).mkdir()
    assert directory.current().names == {"port-ttyUSB3", IMSI}


def test_each_of_many_quick_changes_is_seen_at_once(directory, tmp_path):
    """Far quicker than a file system's clock ticks."""
    for number in range(2000):
        name = f"imei-{number:015}"
        (tmp_path / name).touch()
        assert name in directory.current().names
        (tmp_path / name).unlink()
        assert name not in directory.current().names


def test_an_unchanged_directory_is_not_listed_again(tmp_path, monkeypatch):
    (tmp_path / IMSI).touch()
    directory = ClaimsDirectory(tmp_path)
    now = os.stat(tmp_path).st_ctime_ns
    monkeypatch.setattr(claims_directory.time, "time_ns", lambda: now + int((SETTLED_SECONDS + 1) * 1e9))
    listed = count()
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: next(listed) is None or listdir(path))
    first = directory.current()
    assert all(directory.current() is first for _ in range(10))
    assert next(listed) == 1
    (tmp_path / "port-a").touch()
    assert directory.current().names == {IMSI, "port-a"}


def test_a_directory_that_has_just_changed_is_listed_again(tmp_path, monkeypatch):
    """The file system's clock may not have gone on since the change."""
    directory = ClaimsDirectory(tmp_path)
    changed_at = os.stat(tmp_path).st_ctime_ns
    monkeypatch.setattr(claims_directory.time, "time_ns", lambda: changed_at + 2_000_000_000)
    assert directory.current() is not directory.current()


def test_a_directory_that_is_put_in_the_place_is_read(tmp_path):
    path = tmp_path / "claims"
    for name in ("claims", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "other" / IMSI).touch()
    os.utime(tmp_path / "other", LONG_AGO)
    os.utime(path, LONG_AGO)
    directory = ClaimsDirectory(path)
    assert directory.current().names == frozenset()
    path.rmdir()
    (tmp_path / "other").rename(path)
    assert directory.current().names == {IMSI}


@pytest.mark.parametrize("name", ["imsi-25099", "250990000000001", ".tmp", f"{IMSI}~", "readme"])
def test_a_name_that_is_no_claim_is_an_error(directory, tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(CensusError, match="which is no claim") as caught:
        directory.current()
    assert "250990000000001" not in str(caught.value)
    (tmp_path / name).unlink()
    assert directory.current().names == frozenset()


def test_a_missing_directory_is_an_error_until_it_is_made(tmp_path):
    directory = ClaimsDirectory(tmp_path / "claims")
    with pytest.raises(CensusError, match=r"RENT_CLAIMS_DIR .* No such file or directory"):
        directory.current()
    (tmp_path / "claims").mkdir()
    assert directory.current().names == frozenset()


def test_a_file_in_its_place_is_an_error(tmp_path):
    (tmp_path / "claims").touch()
    with pytest.raises(CensusError, match="Not a directory"):
        ClaimsDirectory(tmp_path / "claims").current()


@pytest.mark.needs("root")
def test_a_directory_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / IMSI).touch()
    os.chmod(tmp_path, 0o700)
    code = f"""
import json, os
from pathlib import Path
from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.finding import CensusError
os.setuid(65534)
try:
    print(json.dumps(len(ClaimsDirectory(Path({str(tmp_path)!r})).current().names)))
except CensusError as error:
    print(json.dumps(str(error)))
"""
    told, _ = python(code)
    assert "Permission denied" in told


def test_without_a_directory_there_are_no_claims():
    assert ClaimsDirectory(None).current().names == frozenset()
    with pytest.raises(CensusError, match="RENT_CLAIMS_DIR is not set"):
        ClaimsDirectory(None).add(IMSI)


@pytest.mark.parametrize("name", ["imsi-1", "../port-a", "port-../a", "port-a/b", ""])
def test_a_name_that_is_no_claim_is_not_made(directory, tmp_path, name):
    with pytest.raises(CensusError, match="is no claim; a claim is imsi-"):
        directory.add(name)
    assert list(tmp_path.iterdir()) == []


def test_a_note_is_one_short_line_without_numbers(directory, tmp_path):
    (tmp_path / IMSI).write_text("client +79991234567, " + "x" * 100 + "\nsecond line\n")
    assert directory.note(IMSI).startswith("client +…4567, xxx")
    assert len(directory.note(IMSI)) == 60
    directory.add("port-a", "order 7")
    assert directory.note("port-a") == "order 7"
    assert directory.note("port-none") == ""


def test_the_group_may_write_a_new_note(directory, tmp_path):
    before = os.umask(0o077)
    try:
        directory.add(IMSI)
    finally:
        os.umask(before)
    assert os.stat(tmp_path / IMSI).st_mode & 0o777 == 0o664

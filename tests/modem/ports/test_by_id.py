"""Names in /dev/serial/by-id that several devices share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from lines import pseudo_terminal
from sysfs import EC25, FT4232H, HUB_OF_16_CH340, Listing, ch340, plug_in, tty_number

from onlinesim_rent.modem.ports.by_id import hidden
from onlinesim_rent.modem.ports.find import find_ports

if TYPE_CHECKING:
    from pathlib import Path


def numbers(*ttys: str) -> set[int]:
    return {os.makedev(*tty_number(tty)) for tty in ttys}


def test_note_28_a_name_that_16_devices_share_finds_one(tmp_path: Path):
    plug_in(tmp_path, *HUB_OF_16_CH340, FT4232H)
    assert list(hidden(numbers("ttyUSB15"), tmp_path)) == [("1a86:7523", 1, 16)]
    assert list(hidden(numbers("ttyUSB15", "ttyUSB20"), tmp_path)) == [("1a86:7523", 1, 16)]
    assert list(hidden(numbers(*(f"ttyUSB{number}" for number in range(16))), tmp_path)) == []


@pytest.mark.parametrize("found", [[], ["ttyUSB0"], ["ttyUSB0", "ttyUSB2", "ttyUSB4"]])
def test_one_port_of_each_device_hides_nothing(found: list[str], tmp_path: Path):
    other = Listing("", "1-2", EC25.model, ("option ttyUSB4", "option ttyUSB5"))
    plug_in(tmp_path, EC25, *([other] if "ttyUSB4" in found else []), ch340("1-3", "ttyUSB6"))
    assert list(hidden(numbers(*found), tmp_path)) == []


@pytest.fixture
def plugged_in(tmp_path: Path):
    """Two terminals that are CH340s in sysfs; by-id has one name for both, by-path has two."""
    with pseudo_terminal() as (_, first), pseudo_terminal() as (_, second):
        ttys = {f"ttyUSB{number}": os.stat(path).st_rdev for number, path in enumerate((first, second))}
        plug_in(tmp_path / "sys", ch340("1-1", "ttyUSB0"), ch340("1-2", "ttyUSB1"), numbers=ttys)
        for name, path in {"by-id/usb": first, "by-path/1": first, "by-path/2": second}.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).symlink_to(path)
        yield tmp_path


def test_note_28_the_log_says_once_that_a_glob_hides_devices(plugged_in: Path, caplog):
    pattern = f"{plugged_in}/by-id/*"
    for _ in range(2):
        assert len(find_ports([pattern], sysfs=plugged_in / "sys")) == 1
    [said] = caplog.messages
    assert f"{pattern} finds 1 of 2 devices of the model 1a86:7523" in said
    assert "use /dev/serial/by-path" in said


@pytest.mark.parametrize(
    ("pattern", "sysfs"), [("by-path/*", "sys"), ("by-id/usb", "sys"), ("by-id/*", "none")]
)
def test_other_names_are_no_reason_for_a_warning(pattern: str, sysfs: str, plugged_in: Path, caplog):
    assert find_ports([f"{plugged_in}/{pattern}"], sysfs=plugged_in / sysfs)
    assert caplog.messages == []

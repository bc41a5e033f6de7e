"""Which ports are one module's, on trees of sysfs as real devices have them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from servers import environment
from sysfs import (
    CH344,
    CH344_WITHOUT_ITS_DRIVER,
    CP2105,
    E3372,
    EC25,
    FT4232H,
    GOBI2000,
    HUB_OF_16_CH340,
    L860,
    SIM7600,
    UPORT1410,
    WITH_ANY_DRIVER,
    ZTE_MF190,
    Listing,
    ch340,
    plug_in,
    tty_number,
    umockdev_record,
)

from onlinesim_rent.finding import CensusError
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.topology import Topology

if TYPE_CHECKING:
    from pathlib import Path


def identity(tty: str) -> DeviceIdentity:
    return DeviceIdentity(os.makedev(*tty_number(tty)))


def ttys_of(*listings: Listing) -> list[str]:
    return [
        tty for listing in listings for interface in listing.interfaces for tty in interface.split(" ")[1:]
    ]


def others(sysfs: Path, *ttys: str) -> dict[str, set[str]]:
    """The other ports of each port's module, by their names."""
    found = Topology(sysfs).others([identity(tty) for tty in ttys])
    for names in found.values():
        assert {identity(name): name for name in names.values()} == names
    return {tty: set(found[identity(tty)].values()) for tty in ttys if identity(tty) in found}


@pytest.mark.parametrize(
    "listing",
    [
        pytest.param(EC25, id="EC25"),
        pytest.param(SIM7600, id="SIM7600"),
        pytest.param(E3372, id="E3372"),
        pytest.param(ZTE_MF190, id="ZTE"),
        pytest.param(GOBI2000, id="qcserial"),
        pytest.param(L860, id="ACM"),
        pytest.param(WITH_ANY_DRIVER, id="unknown drivers"),
    ],
)
def test_note_27_all_ports_of_a_modem_are_one_module(listing: Listing, tmp_path: Path):
    plug_in(tmp_path, listing)
    ttys = ttys_of(listing)
    assert len(ttys) > 1
    assert others(tmp_path, *ttys) == {tty: {*ttys} - {tty} for tty in ttys}


@pytest.mark.parametrize(
    "listings",
    [
        pytest.param([FT4232H], id="FT4232H"),
        pytest.param([CP2105], id="CP2105"),
        pytest.param([CH344], id="CH344"),
        pytest.param([CH344_WITHOUT_ITS_DRIVER], id="CH344 with cdc_acm"),
        pytest.param([UPORT1410], id="UPort 1410"),
        pytest.param(HUB_OF_16_CH340, id="16 CH340"),
    ],
)
def test_note_27_each_port_of_an_adapter_has_its_own_module(listings: list[Listing], tmp_path: Path):
    plug_in(tmp_path, *listings)
    assert others(tmp_path, *ttys_of(*listings)) == {}


def test_modules_behind_one_hub_are_told_apart(tmp_path: Path):
    first = EC25._replace(place="1-1.4")
    second = Listing("", "1-1.4.1", "2c7c:0125", ("option ttyUSB4", "option ttyUSB5"))
    third = Listing("", "1-11.4", "2c7c:0125", ("option ttyUSB6", "option ttyUSB7"))
    plug_in(tmp_path, first, second, third, ch340("1-1.2", "ttyUSB8"))
    found = others(tmp_path, *(f"ttyUSB{number}" for number in range(9)))
    assert found["ttyUSB0"] == {"ttyUSB1", "ttyUSB2", "ttyUSB3"}
    assert found["ttyUSB4"] == {"ttyUSB5"}
    assert found["ttyUSB6"] == {"ttyUSB7"}
    assert "ttyUSB8" not in found


def test_other_serial_lines_stand_alone(tmp_path: Path):
    plug_in(tmp_path, EC25)
    for place in ("platform/serial8250", "pnp0/00:04/00:04:0/00:04:0.0", "virtual"):
        (tmp_path / "devices" / place / "tty").mkdir(parents=True)
    for tty, place in {"ttyS0": "pnp0/00:04/00:04:0/00:04:0.0", "ttyS1": "platform/serial8250"}.items():
        (tmp_path / "class/tty" / tty).symlink_to(f"../../devices/{place}/tty/{tty}")
    serial = [DeviceIdentity(os.makedev(4, minor)) for minor in (64, 65)]
    terminal = DeviceIdentity(os.makedev(136, 0), mount=24)
    assert Topology(tmp_path).others([*serial, terminal]) == {}


def test_what_is_plugged_in_or_out_is_seen(tmp_path: Path):
    topology = Topology(plug_in(tmp_path, EC25))
    first, second = identity("ttyUSB0"), identity("ttyUSB4")
    assert len(topology.others([first])[first]) == 3
    for tty in ttys_of(EC25):
        # Not deleted: unlike sysfs, other file systems give an inode number again.
        (tmp_path / "class/tty" / tty).rename(tmp_path / tty)
    plug_in(tmp_path, Listing("", "1-2", "1e0e:9001", ("option ttyUSB0", "option ttyUSB4")))
    assert topology.others([first, second]) == {first: {second: "ttyUSB4"}, second: {first: "ttyUSB0"}}


def test_a_device_that_is_not_complete_is_read_again(tmp_path: Path):
    topology = Topology(plug_in(tmp_path, E3372))
    number = next(tmp_path.rglob("ttyUSB1/dev"))
    number.rename(tmp_path / "later")
    first = identity("ttyUSB0")
    assert set(topology.others([first])[first].values()) == {"ttyUSB2"}
    (tmp_path / "later").rename(number)
    assert set(topology.others([first])[first].values()) == {"ttyUSB1", "ttyUSB2"}


def test_without_sysfs_only_pseudo_terminals_are_known(tmp_path: Path):
    topology = Topology(tmp_path)
    assert topology.others([DeviceIdentity(os.makedev(136, 0), mount=24)]) == {}
    with pytest.raises(CensusError, match="does not tell which ports are one module's"):
        topology.others([identity("ttyUSB0")])


def test_this_hosts_own_sysfs_is_read():
    assert Topology().others([DeviceIdentity(os.makedev(136, 0), mount=24)]) == {}


AS_UMOCKDEV_HAS_THEM = """
import os
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.topology import Topology
devices = [DeviceIdentity(os.makedev(188, minor)) for minor in range(8)]
print(sorted(sorted(names.values()) for names in Topology().others(devices).values()))
"""


@pytest.mark.needs("umockdev-run")
def test_a_tree_of_umockdev_is_read(tmp_path: Path):
    """umockdev makes what stands in /sys for one process, from a record of devices."""
    adapter = FT4232H._replace(interfaces=tuple(f"ftdi_sio ttyUSB{number}" for number in range(4, 8)))
    record = tmp_path / "devices"
    record.write_text(
        umockdev_record(EC25._replace(interfaces=EC25.interfaces[:2])) + umockdev_record(adapter)
    )
    command = ["umockdev-run", "--device", str(record), "--", sys.executable, "-c", AS_UMOCKDEV_HAS_THEM]
    shown = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert shown.stdout == "[['ttyUSB0'], ['ttyUSB1']]\n"

"""Trees of sysfs as real devices have them, and the public listings that they come from."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from lines import BAUD_RATE

from onlinesim_rent.modem.probe import Prober

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAJORS = {"ttyUSB": 188, "ttyACM": 166, "ttyCH343USB": 170}


class Listing(NamedTuple):
    """A USB device: its place, its model, and by interface the driver with its ttys.

    ``source`` is a listing of lsusb, usb-devices, udevadm or dmesg. Only a part of a likeness is public.
    ``names`` are those of the maker and of the product, as the device gives them.
    """

    source: str
    place: str
    model: str
    interfaces: tuple[str, ...]
    names: tuple[str, str] = ("", "")


EC25 = Listing(
    "https://github.com/geerlingguy/raspberry-pi-pcie-devices/issues/344",
    "1-1",
    "2c7c:0125",
    ("option ttyUSB0", "option ttyUSB1", "option ttyUSB2", "option ttyUSB3", "cdc_ether"),
    ("Quectel", "EC25-AF"),
)
SIM7600 = Listing(
    "likeness: the ports by https://github.com/ShaerWare/AI_Secretary_System/issues/556, the drivers by "
    "https://github.com/botletics/SIM7000-LTE-Shield/issues/15 (another module with this model number)",
    "1-2",
    "1e0e:9001",
    (*(f"option ttyUSB{number}" for number in range(5)), "qmi_wwan"),
)
E3372 = Listing(
    "https://forum.openwrt.org/t/huawei-e3372h-320-in-ncm-mode/126018/2",
    "3-3",
    "12d1:155e",
    ("option ttyUSB0", "option ttyUSB1", "option ttyUSB2", "cdc_ncm"),
)
ZTE_MF190 = Listing(
    "https://forums.gentoo.org, «usb_modeswitch errors with ZTE MF190»",
    "2-4",
    "19d2:0117",
    ("option ttyUSB0", "option ttyUSB1", "option ttyUSB2", "usb-storage"),
)
GOBI2000 = Listing(
    "likeness: the paths by https://txlab.wordpress.com/2016/06/14/udev-rules-for-ttyusb-devices/",
    "3-1.3",
    "05c6:9225",
    ("qmi_wwan", "qcserial ttyUSB4", "qcserial ttyUSB5"),
)
L860 = Listing(
    "https://github.com/4IceG/luci-app-3ginfo-lite/issues/39",
    "1-1.2",
    "8087:095a",
    ("cdc_acm ttyACM0", "cdc_acm", "cdc_acm ttyACM1", "cdc_acm", "cdc_acm ttyACM2", "cdc_acm", "cdc_ncm"),
)
WITH_ANY_DRIVER = Listing(
    "likeness: one interface by https://github.com/4IceG/luci-app-modemband/issues/48",
    "1-1",
    "05c6:9025",
    ("usbserial_generic ttyUSB0", "somebodys_own ttyUSB1", " ttyUSB2"),
)
FT4232H = Listing(
    "https://github.com/raspberrypi/linux/issues/4008",
    "1-1.4.4.2",
    "0403:6011",
    tuple(f"ftdi_sio ttyUSB{number}" for number in range(20, 24)),
)
CP2105 = Listing(
    "likeness: CP2108 by https://github.com/sonic-net/sonic-buildimage/issues/6603, with two interfaces",
    "1-1.1.6",
    "10c4:ea70",
    ("cp210x ttyUSB19", "cp210x ttyUSB20"),
)
CH344 = Listing(
    "likeness: the driver by https://github.com/WCHSoftGroup/ch343ser_linux, the interfaces as below",
    "4-1.1",
    "1a86:55d5",
    tuple(f"usb_ch343 ttyCH343USB{number // 2}" if number % 2 == 0 else "usb_ch343" for number in range(8)),
)
CH344_WITHOUT_ITS_DRIVER = Listing(
    "dmesg of https://www.waveshare.com/wiki/USB_TO_4CH_RS485",
    "1-2.2.3",
    "1a86:55d5",
    tuple(f"cdc_acm ttyACM{number // 2 + 1}" if number % 2 == 0 else "cdc_acm" for number in range(8)),
)
UPORT1410 = Listing(
    "likeness: one interface with four ports, by the kernel's drivers/usb/serial/mxuport.c",
    "1-3",
    "110a:1410",
    ("mxuport ttyUSB0 ttyUSB1 ttyUSB2 ttyUSB3",),
)


def ch340(place: str, tty: str) -> Listing:
    """A CH340: one interface and one port, and no serial number."""
    return Listing("http://mynw.cn/ai/12677.html (udevadm)", place, "1a86:7523", (f"ch341 {tty}",))


HUB_OF_16_CH340 = tuple(
    ch340(f"1-1.{hub}.{socket}", f"ttyUSB{4 * hub + socket - 5}")
    for hub in range(1, 5)
    for socket in range(1, 5)
)
"""Likeness: a hub of four hubs of four sockets each."""


POOL_OF_16_CP210X = tuple(
    Listing("likeness", f"1-1.{hub}.{socket}", "10c4:ea60", (f"cp210x ttyUSB{4 * hub + socket - 5}",))
    for hub in range(1, 5)
    for socket in range(1, 5)
)
"""A pool of 16 modules, each behind a CP2102 of its own: a hub of four hubs of four sockets each."""


def plug_in(sysfs: Path, *listings: Listing, numbers: Mapping[str, int] | None = None) -> Path:
    """Add devices to a tree and return it. ``numbers`` replace the kernel's device numbers of ttys."""
    (sysfs / "class" / "tty").mkdir(parents=True, exist_ok=True)
    for listing in listings:
        device = sysfs / _path(listing.place)
        device.mkdir(parents=True)
        vendor, product = listing.model.split(":")
        (device / "idVendor").write_text(f"{vendor}\n")
        (device / "idProduct").write_text(f"{product}\n")
        for file, name in zip(("manufacturer", "product"), listing.names, strict=True):
            if name:
                (device / file).write_text(f"{name}\n")
        for number, interface in enumerate(listing.interfaces):
            directory = device / f"{listing.place}:1.{number}"
            directory.mkdir()
            driver, *ttys = interface.split(" ")
            if driver:
                (directory / "driver").symlink_to(sysfs / "bus/usb/drivers" / driver)
            for tty in ttys:
                _add_tty(sysfs, directory, driver, tty, (numbers or {}).get(tty))
    return sysfs


def add_uart(sysfs: Path, tty: str, kind: int, *drivers: tuple[str, str]) -> None:
    """Add a serial line of the board. ``drivers`` are the directories above it, each with its driver."""
    directory = sysfs / "devices"
    for part, driver in drivers:
        directory /= part
        directory.mkdir(parents=True, exist_ok=True)
        if driver and not (directory / "driver").is_symlink():
            (directory / "driver").symlink_to(sysfs / "bus" / driver)
    directory = directory / "tty" / tty
    directory.mkdir(parents=True)
    (directory / "type").write_text(f"{kind}\n")
    (directory / "dev").write_text("4:64\n")
    (sysfs / "class" / "tty").mkdir(parents=True, exist_ok=True)
    (sysfs / "class" / "tty" / tty).symlink_to("../.." / directory.relative_to(sysfs))


def named_by_udev(devices: Path, *listings: Listing, leads_to: Mapping[str, str] | None = None) -> Path:
    """Make a /dev with the ttys and their names in by-path, and return it. ``leads_to`` are real devices."""
    by_path = devices / "serial" / "by-path"
    by_path.mkdir(parents=True, exist_ok=True)
    for tty, path in (leads_to or {}).items():
        (devices / tty).symlink_to(path)
    for listing in listings:
        bus, _, sockets = listing.place.partition("-")
        for number, interface in enumerate(listing.interfaces):
            driver, *ttys = interface.split(" ")
            for port, tty in enumerate(ttys):
                # /lib/udev/rules.d/60-serial.rules: only usb-serial numbers the ports of an interface.
                end = "" if driver == "cdc_acm" else f"-port{port}"
                name = f"pci-0000:0{bus}:00.0-usb-0:{sockets}:1.{number}{end}"
                (by_path / name).symlink_to(f"../../{tty}")
    return devices


def umockdev_record(listing: Listing) -> str:
    """A device and its ttys in the form of ``umockdev-record``."""
    device = f"/{_path(listing.place)}"
    vendor, product = listing.model.split(":")
    records = [f"P: {device}\nE: SUBSYSTEM=usb\nA: idVendor={vendor}\nA: idProduct={product}\n"]
    for number, interface in enumerate(listing.interfaces):
        driver, *ttys = interface.split(" ")
        path = f"{device}/{listing.place}:1.{number}"
        records.append(f"P: {path}\nE: SUBSYSTEM=usb\nL: driver=../bus/usb/drivers/{driver}\n")
        for tty in ttys:
            major, minor = tty_number(tty)
            numbers = f"E: MAJOR={major}\nE: MINOR={minor}\nA: dev={major}:{minor}\n"
            records.append(f"P: {path}/{tty}\nE: SUBSYSTEM=usb-serial\n")
            records.append(f"P: {path}/{tty}/tty/{tty}\nN: {tty}\nE: SUBSYSTEM=tty\n{numbers}")
    return "".join(f"{record}\n" for record in records)


def tty_number(tty: str) -> tuple[int, int]:
    """The device number that the kernel gives a tty."""
    found = re.fullmatch(r"(\w*[A-Z])([0-9]+)", tty)
    assert found
    return MAJORS[found[1]], int(found[2])


def _path(place: str) -> str:
    """The directory of a USB device, below those of its hubs."""
    root, _, sockets = place.partition("-")
    above = sockets.split(".")
    chain = [f"{root}-{'.'.join(above[: depth + 1])}" for depth in range(len(above))]
    return "/".join(["devices/pci0000:00/0000:00:14.0", f"usb{root}", *chain])


def _add_tty(sysfs: Path, interface: Path, driver: str, tty: str, number: int | None) -> None:
    # cdc_acm registers its ttys at the interface, usb-serial at a port of its own below.
    above = interface if driver in {"cdc_acm", "usb_ch343"} else interface / tty
    directory = above / "tty" / tty
    directory.mkdir(parents=True)
    major, minor = tty_number(tty) if number is None else (os.major(number), os.minor(number))
    (directory / "dev").write_text(f"{major}:{minor}\n")
    (sysfs / "class" / "tty" / tty).symlink_to("../.." / directory.relative_to(sysfs))


def wired(sysfs: Path, *paths: str, driver: str = "option", **options: Any) -> Prober:
    """A prober that finds in sysfs that the terminals are ttyUSB0, ttyUSB1, ... of one USB device."""
    ttys = {f"ttyUSB{number}": os.stat(path).st_rdev for number, path in enumerate(paths)}
    listing = Listing("", "1-1", "2c7c:0125", tuple(f"{driver} {tty}" for tty in ttys))
    return Prober(BAUD_RATE, sysfs=plug_in(sysfs, listing, numbers=ttys), **options)

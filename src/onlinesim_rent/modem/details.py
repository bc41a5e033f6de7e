"""What a module tells about itself, for people: a census never asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from onlinesim_rent.finding import Modem


@dataclass(frozen=True, slots=True)
class Details:
    """What a module answered. A question that it did not answer leaves its field empty.

    ``signal_dbm`` is the received signal strength in dBm. ``network`` is the serving network, by its name or
    its PLMN. ``imei`` is the module's number, ``imsi`` the SIM's, and ``iccid`` the number that is printed on
    the SIM card. ``own_number`` is the phone number that the SIM holds.
    """

    maker: str = ""
    model: str = ""
    firmware: str = ""
    signal_dbm: int | None = None
    network: str = ""
    imei: str = field(default="", repr=False)
    imsi: str = field(default="", repr=False)
    iccid: str = field(default="", repr=False)
    own_number: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DescribedModem(Modem):
    """A module, and what it told about itself."""

    details: Details = Details()

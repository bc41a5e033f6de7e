"""The faults and oddities of modules, one row a fault. Each row says whether the module still counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .standard_answers import Lines

AS_EVER: Lines = ()
"""In a fault's answers: the answer of a sound module."""


@dataclass(frozen=True, slots=True)
class Fault:
    """How a module differs from a sound one. ``live`` means that it still receives texts on its own number.

    The fault shows in each session, from a port's opening to its closing.
    """

    meaning: str
    live: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)  # the fields of answers that differ
    answers: Mapping[str, tuple[Lines, ...]] = field(
        default_factory=dict
    )  # to the first, second, ... question
    delays: Mapping[str, float] = field(default_factory=dict)  # seconds beyond the latency, by command
    noise: bytes = b""  # sent when the port is opened ...
    noise_every: float = 0.0  # ... and again after so many seconds; 0 means once
    boots: bool = False  # sends the family's banner when the port is opened
    speechless: bool = False  # answers no command
    echoes: bool | None = None  # overrides the module's ``echo``
    ignores: int = 0  # neither answers nor echoes so many first commands
    lags: bool = False  # answers each command with the answer to the one before
    byte_seconds: float = 0.0  # seconds between the bytes of an answer
    chatters: bool = (
        False  # sends unsolicited lines before, inside and after each answer, and inside the echo
    )
    hangs_up_at: str | None = None  # hangs up in the middle of the answer to this command
    powers_down_at: str | None = None  # answers this command with its power-down line, then nothing


def _noise(meaning: str, noise: bytes, every: float) -> Fault:
    return Fault(meaning, noise=noise, noise_every=every, speechless=True, echoes=False)


def _unregistered(meaning: str, stat: int) -> Fault:
    return Fault(meaning, facts={"registration": str(stat)})


def _without_sim(meaning: str, *state: str, error: str) -> Fault:
    return Fault(
        meaning,
        facts={"registration": "0"},
        answers={"+CPIN?": (state or (error,),), "+CIMI": ((error,),)},
    )


_NMEA = (
    b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"
    b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n"
)
_PPP_CONFIGURE_REQUEST = b'~\xff}#\xc0!}!}!} }4}"}&} } } } }%}&\x9a\x1f\xe3\x07}\'}"}(}"\xf3\x2a~'  # RFC 1662
_CMUX_ENABLE = b"\xf9\x03\x3f\x01\x1c\xf9\xf9\x03\x73\x01\xd7\xf9"  # 3GPP TS 27.010: SABM and UA of channel 0
_TELNET_OPTIONS = b"\xff\xfb\x03\xff\xfb\x01\xff\xfd\x00\xff\xfb\x00"  # RFC 854: WILL, WILL, DO, WILL

FAULTS: Mapping[str, Fault] = {
    "none": Fault("Nothing is wrong.", live=True),
    # odd, and live
    "no_cpas": Fault("Lacks AT+CPAS.", live=True, answers={"+CPAS": (("ERROR",),)}),
    "worded_imei": Fault(
        "Puts a word before its IMEI.", live=True, answers={"+CGSN": (("+CGSN: IMEI{imei}", "OK"),)}
    ),
    "imei_and_serial": Fault(
        "Puts its serial number behind its IMEI.", live=True, answers={"+CGSN": (("{imei},SN8L0027", "OK"),)}
    ),
    "autobaud": Fault("Needs two commands to learn the baud rate.", live=True, ignores=2),
    "sim_busy_once": Fault(
        "Its SIM is busy the first time.",
        live=True,
        answers={"+CPIN?": (("+CME ERROR: 14",), AS_EVER)},
    ),
    "slow_cpin": Fault("Takes two seconds to answer AT+CPIN?.", live=True, delays={"+CPIN?": 2.0}),
    "trickle": Fault("Answers byte by byte, as at 4800 baud.", live=True, byte_seconds=0.002),
    "urc_everywhere": Fault("Sends unsolicited lines everywhere.", live=True, chatters=True),
    # the SIM
    "no_sim": _without_sim("No SIM is inserted.", error="+CME ERROR: 10"),
    "sim_pin": _without_sim("The SIM waits for its PIN.", "+CPIN: SIM PIN", "OK", error="+CME ERROR: 11"),
    "swapped_sim": Fault(
        "The SIM bank swaps cards during the dialogue.",
        answers={"+CIMI": (AS_EVER, ("{other_imsi}", "OK"))},
    ),
    # the network: <stat> of 27.007, 7.2
    "not_registered": _unregistered("Has no network and does not look for one.", 0),
    "searching": _unregistered("Looks for a network.", 2),
    "denied": _unregistered("The network refuses the SIM.", 3),
    "emergency": _unregistered("Registered for emergency calls only.", 8),
    "contradicting_creg": Fault(
        "Gives two registrations in one answer.",
        answers={"+CREG?": (("+CREG: 0,1", "+CREG: 0,2", "OK"),)},
    ),
    # in use
    "in_call": Fault("Is in a call.", facts={"activity": "4"}),
    "ringing": Fault(
        "Is being called.",
        facts={"activity": "3"},
        noise=b'\r\nRING\r\n\r\n+CLIP: "+0123456789",145\r\n',
        noise_every=0.05,
    ),
    "vendor_call": Fault(
        "Is in a call, lacks AT+CPAS, and tells of the call in u-blox's words.",
        answers={"+CPAS": (("ERROR",),)},
        noise=b"\r\n+UCALLSTAT: 1,0\r\n",
        noise_every=0.01,
    ),
    "ppp": _noise("Carries a data connection.", _PPP_CONFIGURE_REQUEST, 0.05),
    "cmux": _noise("Is multiplexed by another program.", _CMUX_ENABLE, 0.05),
    # the identity
    "zero_imei": Fault("Has lost its IMEI.", facts={"imei": "0" * 15}),
    "late": Fault("Answers each command with the answer to the one before.", lags=True),
    "overdue": Fault("Takes a minute to give its IMEI.", delays={"+CGSN": 60.0}),
    # no AT port, or no module
    "silent": Fault("Opens, reads and never sends a byte.", speechless=True, echoes=False),
    "echo_only": Fault("Echoes and never answers.", speechless=True, echoes=True),
    "booting": Fault("Prints its banner, then nothing.", boots=True, speechless=True, echoes=False),
    "flood": _noise("Sends more than anybody can read.", b"\x55\xaa\r\nlog: tick\r\n" * 256, 0.0005),
    "talkative": _noise("Sends short lines without end, at 115,200 baud.", b"a\n" * 288, 0.05),
    "nul_noise": _noise("Sends NUL bytes.", b"\0" * 64, 0.01),
    "ff_noise": _noise("Sends 0xFF bytes.", b"\xff" * 63 + b"\xfe", 0.01),
    "nmea": _noise("Is the port of a GPS receiver.", _NMEA, 0.05),
    "telnet": _noise("Is a serial server that speaks telnet.", _TELNET_OPTIONS, 0.05),
    "too_slow": Fault("Answers a byte a second.", byte_seconds=1.0),
    # ends during the dialogue
    "hang_up": Fault("The line breaks in the middle of the IMEI.", hangs_up_at="+CGSN"),
    "powered_down": Fault("Is switched off during the dialogue.", powers_down_at="+CPIN?"),
}
"""The faults by name. Bank files and commands use these names."""

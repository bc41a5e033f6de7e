"""How each family of modules differs from the standard answers, one row a family.

A row follows the vendor's AT manual or published logs, and answers are framed as in ITU-T V.250, 5.7. It
resembles a family; it is not a recording of one device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .standard_answers import ERROR_TEXTS, STANDARD_ANSWERS, Lines


@dataclass(frozen=True, slots=True)
class Family:
    """How a family's answers differ from the standard answers.

    ``banner`` holds the lines that a module sends when it boots, ``chatter`` the unsolicited lines that a
    sound module sends.
    """

    answers: Mapping[str, Lines] = field(default_factory=dict)
    verbose_errors: bool = False
    unsupported: str = "ERROR"
    line_end: str = "\r\n"
    banner: Lines = ()
    chatter: Lines = ()

    def answer(self, command: str) -> Lines:
        """Return the answer to a question, with the names of facts still in braces."""
        return self._known(command) or (self.unsupported,)

    def answer_to_setting(self, command: str) -> Lines:
        """Return the answer to a command that is no question: OK if nothing else is known."""
        return self._known(command) or ("OK",)

    def _known(self, command: str) -> Lines | None:
        return self.answers.get(command) or STANDARD_ANSWERS.get(command)

    def frame(self, lines: Lines) -> bytes:
        """Return bytes: each line between two line ends (V.250, 5.7.1), errors as the family writes them."""
        worded = (ERROR_TEXTS.get(line, line) if self.verbose_errors else line for line in lines)
        return "".join(f"{self.line_end}{line}{self.line_end}" for line in worded).encode()


def _names(maker: str, model: str, firmware: str, identification: Lines | None = None) -> dict[str, Lines]:
    """Return the answers in which a module names itself. ``identification`` is the answer to ATI."""
    return {
        "I": (*(identification or (maker, model, f"Revision: {firmware}")), "OK"),
        "+CGMI": (maker, "OK"),
        "+GMI": (maker, "OK"),
        "+CGMM": (model, "OK"),
        "+GMM": (model, "OK"),
        "+CGMR": (firmware, "OK"),
        "+GMR": (firmware, "OK"),
    }


FAMILIES: Mapping[str, Family] = {
    # SIM900 and SIM800 series AT command manuals: URCs after power-on; +CCID without a prefix.
    "SIM900": Family(
        answers={
            **_names("SIMCOM_Ltd", "SIMCOM_SIM900", "Revision:1137B13SIM900M64_ST", ("SIM900 R11.0",)),
            "+CCID": ("{iccid}", "OK"),
        },
        banner=("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready"),
    ),
    "SIM800": Family(
        answers={
            **_names("SIMCOM_Ltd", "SIMCOM_SIM800L", "Revision:1418B05SIM800L24", ("SIM800 R14.18",)),
            "+CCID": ("{iccid}f", "OK"),
        },
        verbose_errors=True,
        banner=("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready"),
    ),
    # SIM7500_SIM7600 AT command manual; the quoted serial number is from TinyGSM's issue 444.
    "SIM7600": Family(
        answers={
            **_names("SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "+CGMR: LE20B03SIM7600M22"),
            "+CGSN": ('+CGSN: "{imei}"', "OK"),
            "+GSN": ('+GSN: "{imei}"', "OK"),
            "+CICCID": ("+ICCID: {iccid}", "OK"),
        },
        verbose_errors=True,
        banner=("*ATREADY: 1", "+CPIN: READY", "SMS DONE", "PB DONE"),
    ),
    # Quectel M26 and M35 AT commands manuals; +CREG? names the cell after AT+CREG=2 was saved.
    "M26": Family(
        answers={
            **_names("Quectel_Ltd", "Quectel_M26", "Revision: M26FAR03A03"),
            "+CCID": ('+CCID: "{iccid}"', "OK"),
            "+QCCID": ("{iccid}", "OK"),
        },
        banner=("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready"),
    ),
    "M35": Family(
        answers={
            **_names("Quectel_Ltd", "Quectel_M35", "Revision: M35FAR01A06"),
            "+CREG?": ('+CREG: 2,{registration},"18D8","5A3F"', "OK"),
            "+CCID": ('+CCID: "{iccid}"', "OK"),
            "+QCCID": ("{iccid}", "OK"),
            # A SIM on which the operator wrote no number.
            "+CNUM": ("OK",),
        },
        banner=("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready"),
    ),
    # Quectel EC2x AT commands manual: the fifth field is the access technology; +QIND reports the boot.
    "EC25": Family(
        answers={
            **_names("Quectel", "EC25", "EC25EFAR06A03M4G"),
            "+CREG?": ('+CREG: 2,{registration},"2AF5","0B88E350",7', "OK"),
            "+QCCID": ("+QCCID: {iccid}", "OK"),
        },
        banner=("RDY", "+CFUN: 1", "+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE", "+QIND: PB DONE"),
    ),
    # Wavecom AT commands interface guide: the answer to +CPIN? does not end with OK; +WIND after a boot.
    "Wavecom": Family(
        answers={
            **_names("WAVECOM MODEM", "MULTIBAND  900E  1800", "641b09gg.Q2403A 1320676 061804 14:38"),
            "+CPIN?": ("+CPIN: {sim}",),
            "+CCID": ('+CCID: "{iccid}"', "OK"),
            "+WIND?": ("+WIND: 0", "OK"),
        },
        banner=("+WIND: 1", "+WIND: 3", "+WIND: 7", "+WIND: 4"),
    ),
    # Logs of an E220 and an E1752 (gammu's issues 126, 138, 393): cells are not quoted, ^ lines never stop.
    "Huawei": Family(
        answers={
            **_names("huawei", "E1752", "11.126.13.00.209"),
            "+CREG?": ("+CREG: 2,{registration},0A,3799B", "OK"),
            "^ICCID?": ("^ICCID: {iccid}", "OK"),
        },
        verbose_errors=True,
        unsupported="COMMAND NOT SUPPORT",
        banner=("^SRVST:0", "^MODE:5,4", "^SIMST:1"),
        chatter=("^RSSI:14", "^BOOT:35323129,0,0,0,26"),
    ),
    # ModemManager's ZTE plugin lists these as lines to ignore.
    "ZTE": Family(
        answers=_names("ZTE INCORPORATED", "MF180", "BD_MF180P673M3V1.0.0B01"),
        verbose_errors=True,
        banner=('+ZPASR: "No Service"',),
        chatter=("+ZUSIMR:2", '+ZDONR: "MODULE",255,1,"CS_PS","ROAM_OFF"'),
    ),
    # u-blox AT commands manual (UBX-13002752): +CREG? after AT+CREG=2 was saved; no RDY.
    "u-blox": Family(
        answers={
            **_names("u-blox", "SARA-U201", "23.60", ("SARA-U201-03B-00",)),
            "+CREG?": ('+CREG: 2,{registration},"5E25","605F"', "OK"),
            "+CCID": ("+CCID: {iccid}", "OK"),
        },
        verbose_errors=True,
        banner=("+CPIN: READY", "Call Ready", "SMS Ready"),
    ),
    # Any module behind a serial server that rewrites line ends (ONLCR and ICRNL of POSIX termios).
    "LF gateway": Family(line_end="\n"),
    "CR CR LF gateway": Family(line_end="\r\r\n"),
}

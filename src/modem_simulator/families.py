"""The answers of each family of modules, one row a family.

The standard answers are those of 3GPP TS 27.007 (clauses 5.4, 5.6, 7.2, 8.1 and 8.3), framed as in
ITU-T V.250, 5.7. Where a family differs, its row follows the vendor's AT manual or published logs. A row
resembles a family; it is not a recording of one device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Lines = tuple[str, ...]
"""The lines of one answer: information text, then the final result code."""

STANDARD_ANSWERS: Mapping[str, Lines] = {
    "": ("OK",),
    "I": ("SIMULATED MODULE", "OK"),
    "+CGMI": ("SIMULATED", "OK"),
    "+CGMM": ("SIMULATED MODULE", "OK"),
    "+CGMR": ("1", "OK"),
    "+CGSN": ("{imei}", "OK"),
    "+GSN": ("{imei}", "OK"),
    "+CPIN?": ("+CPIN: {sim}", "OK"),
    "+CIMI": ("{imsi}", "OK"),
    "+CREG?": ("+CREG: 0,{registration}", "OK"),
    "+CPAS": ("+CPAS: {activity}", "OK"),
    "+CLCC": ("OK",),
    "+CSQ": ("+CSQ: 18,0", "OK"),
    "+COPS?": ('+COPS: 0,0,"{network}"', "OK"),
    "+CCID": ("{iccid}", "OK"),
    "+CNUM": ('+CNUM: "","{own_number}",145', "OK"),
    # What gammu and ModemManager ask before they know a module.
    "+GCAP": ("+GCAP: +CGSM", "OK"),
    "+CFUN?": ("+CFUN: 1", "OK"),
    "+CMEE?": ("+CMEE: 1", "OK"),
    "+CMGF?": ("+CMGF: 0", "OK"),
    "+CMGF=?": ("+CMGF: (0,1)", "OK"),
    "+CSMS?": ("+CSMS: 0,1,1,1", "OK"),
    "+CSMS=?": ("+CSMS: (0,1)", "OK"),
    "+CNMI?": ("+CNMI: 2,1,0,0,0", "OK"),
    "+CNMI=?": ("+CNMI: (0-3),(0-3),(0-3),(0-2),(0,1)", "OK"),
    "+CSCA?": ('+CSCA: "+79990000000",145', "OK"),
    "+CSCS?": ('+CSCS: "GSM"', "OK"),
    "+CSCS=?": ('+CSCS: ("GSM","UCS2","HEX")', "OK"),
}
"""The answer to each command. Each name in braces stands for a module's fact."""

ERROR_TEXTS: Mapping[str, str] = {
    "+CME ERROR: 10": "+CME ERROR: SIM not inserted",
    "+CME ERROR: 11": "+CME ERROR: SIM PIN required",
    "+CME ERROR: 14": "+CME ERROR: SIM busy",
}
"""27.007, 9.2.1: the text of each error number after AT+CMEE=2."""


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
        """Return the answer to a command, with the names of facts still in braces."""
        return self.answers.get(command) or STANDARD_ANSWERS.get(command) or (self.unsupported,)

    def frame(self, lines: Lines) -> bytes:
        """Return bytes: each line between two line ends (V.250, 5.7.1), errors as the family writes them."""
        worded = (ERROR_TEXTS.get(line, line) if self.verbose_errors else line for line in lines)
        return "".join(f"{self.line_end}{line}{self.line_end}" for line in worded).encode()


def _identified(maker: str, model: str, firmware: str) -> Mapping[str, Lines]:
    """Return the answers of 27.007, 5.1 to 5.3."""
    return {"+CGMI": (maker, "OK"), "+CGMM": (model, "OK"), "+CGMR": (firmware, "OK")}


FAMILIES: Mapping[str, Family] = {
    # SIM900 and SIM800 series AT command manuals: URCs after power-on.
    "SIM900": Family(
        answers=_identified("SIMCOM_Ltd", "SIMCOM_SIM900", "Revision:1137B11SIM900M64_ST"),
        banner=("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready"),
    ),
    "SIM800": Family(
        answers=_identified("SIMCOM_Ltd", "SIMCOM_SIM800L", "Revision:1418B05SIM800L24"),
        verbose_errors=True,
        banner=("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready"),
    ),
    # SIM7500_SIM7600 AT command manual; the quoted serial number is from TinyGSM's issue 444.
    "SIM7600": Family(
        answers={
            **_identified("SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "+CGMR: LE20B04SIM7600M22"),
            "+CGSN": ('+CGSN: "{imei}"', "OK"),
            "+GSN": ('+GSN: "{imei}"', "OK"),
            "+CCID": ("ERROR",),
            "+CICCID": ("+ICCID: {iccid}", "OK"),
        },
        verbose_errors=True,
        banner=("*ATREADY: 1", "+CPIN: READY", "SMS DONE", "PB DONE"),
    ),
    # Quectel M26 and M35 AT commands manuals; +CREG? names the cell after AT+CREG=2 was saved.
    "M26": Family(
        answers={
            **_identified("Quectel_Ltd", "Quectel_M26", "Revision: M26FBR03A06"),
            "+CCID": ("ERROR",),
            "+QCCID": ("{iccid}", "OK"),
        },
        banner=("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready"),
    ),
    "M35": Family(
        answers={
            **_identified("Quectel_Ltd", "Quectel_M35", "Revision: M35FAR01A07"),
            "+CREG?": ('+CREG: 2,{registration},"18D8","5A3F"', "OK"),
            "+CCID": ("ERROR",),
            "+QCCID": ("{iccid}", "OK"),
        },
        banner=("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready"),
    ),
    # Quectel EC2x AT commands manual: the fifth field is the access technology; +QIND reports the boot.
    "EC25": Family(
        answers={
            **_identified("Quectel", "EC25", "Revision: EC25EFAR06A09M4G"),
            "+CREG?": ('+CREG: 2,{registration},"2AF5","0B88E350",7', "OK"),
            "+COPS?": ('+COPS: 0,0,"{network}",7', "OK"),
            "+CCID": ("ERROR",),
            "+QCCID": ("+QCCID: {iccid}", "OK"),
        },
        banner=("RDY", "+CFUN: 1", "+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE", "+QIND: PB DONE"),
    ),
    # Wavecom AT commands interface guide: the answer to +CPIN? does not end with OK; +WIND after a boot.
    "Wavecom": Family(
        answers={
            **_identified("WAVECOM MODEM", "MULTIBAND  900E  1800", "657e09gg.Q2406B 1320676 061804 14:38"),
            "+CPIN?": ("+CPIN: {sim}",),
            "+CCID": ('+CCID: "{iccid}"', "OK"),
        },
        banner=("+WIND: 1", "+WIND: 3", "+WIND: 7", "+WIND: 4"),
    ),
    # Logs of an E220 and an E1752 (gammu's issues 126, 138, 393): cells are not quoted, ^ lines never stop.
    "Huawei": Family(
        answers={
            **_identified("huawei", "E1752", "11.126.13.00.00"),
            "+CREG?": ("+CREG: 2,{registration},0A,3799B", "OK"),
            "+CCID": ("COMMAND NOT SUPPORT",),
            "^ICCID?": ("^ICCID: {iccid}F", "OK"),
        },
        verbose_errors=True,
        unsupported="COMMAND NOT SUPPORT",
        banner=("^SRVST:0", "^MODE:5,4", "^SIMST:1"),
        chatter=("^RSSI:14", "^BOOT:35323129,0,0,0,26"),
    ),
    # ModemManager's ZTE plugin lists these as lines to ignore.
    "ZTE": Family(
        answers=_identified("ZTE INCORPORATED", "MF190", "BD_P673A2V1.0.0B09"),
        verbose_errors=True,
        banner=('+ZPASR: "No Service"',),
        chatter=("+ZUSIMR:2", '+ZDONR: "MODULE",255,1,"CS_PS","ROAM_OFF"'),
    ),
    # u-blox AT commands manual (UBX-13002752): +CREG? after AT+CREG=2 was saved; no RDY.
    "u-blox": Family(
        answers={
            **_identified("u-blox", "SARA-G350", "08.90"),
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

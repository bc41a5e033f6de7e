"""The answers of 3GPP TS 27.007, TS 27.005 and ITU-T V.250, where a family has none of its own."""

from __future__ import annotations

from collections.abc import Mapping

Lines = tuple[str, ...]
"""The lines of one answer: information text, then the final result code."""

STANDARD_ANSWERS: Mapping[str, Lines] = {
    "": ("OK",),
    # the module
    "I": ("SIMULATED MODULE", "OK"),
    "+GCAP": ("+GCAP: +CGSM", "OK"),
    "+CGMI": ("SIMULATED", "OK"),
    "+GMI": ("SIMULATED", "OK"),
    "+CGMM": ("SIMULATED MODULE", "OK"),
    "+GMM": ("SIMULATED MODULE", "OK"),
    "+CGMR": ("1", "OK"),
    "+GMR": ("1", "OK"),
    "+CGSN": ("{imei}", "OK"),
    "+GSN": ("{imei}", "OK"),
    "+CPAS": ("+CPAS: {activity}", "OK"),
    "+CFUN?": ("+CFUN: 1", "OK"),
    "+CFUN=?": ("+CFUN: (0,1,4),(0,1)", "OK"),
    "+CMEE?": ("+CMEE: 0", "OK"),
    "+CMEE=?": ("+CMEE: (0-2)", "OK"),
    "+CSCS?": ('+CSCS: "GSM"', "OK"),
    "+CSCS=?": ('+CSCS: ("GSM","HEX","UCS2")', "OK"),
    "+CCLK?": ('+CCLK: "26/11/03,04:00:00+00"', "OK"),
    "+CBC": ("+CBC: 0,90,4012", "OK"),
    # the SIM
    "+CPIN?": ("+CPIN: {sim}", "OK"),
    "+CIMI": ("{imsi}", "OK"),
    "+CNUM": ('+CNUM: "","{number}",145', "OK"),
    "+CPBS?": ('+CPBS: "SM",0,100', "OK"),
    "+CPBS=?": ('+CPBS: ("SM","FD","LD","ON")', "OK"),
    # the network
    "+CREG?": ("+CREG: 0,{registration}", "OK"),
    "+CREG=?": ("+CREG: (0-2)", "OK"),
    "+COPS?": ("+COPS: {network}", "OK"),
    "+CSQ": ("+CSQ: 18,0", "OK"),
    "+CSQ=?": ("+CSQ: (0-31,99),(0-7,99)", "OK"),
    "+CLCC": ("OK",),
    "+CLIP?": ("+CLIP: 0,1", "OK"),
    # texts: TS 27.005
    "+CSMS?": ("+CSMS: 0,1,1,1", "OK"),
    "+CSMS=?": ("+CSMS: (0,1)", "OK"),
    "+CSMS=0": ("+CSMS: 1,1,1", "OK"),
    "+CSMS=1": ("+CSMS: 1,1,1", "OK"),
    "+CSCA?": ('+CSCA: "{service_centre}",145', "OK"),
    "+CMGF?": ("+CMGF: 0", "OK"),
    "+CMGF=?": ("+CMGF: (0,1)", "OK"),
    "+CNMI?": ("+CNMI: 2,1,0,0,0", "OK"),
    "+CNMI=?": ("+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)", "OK"),
    "+CSDH?": ("+CSDH: 0", "OK"),
}
"""The answer to each command. Each name in braces stands for a module's fact."""

ERROR_TEXTS: Mapping[str, str] = {
    "+CME ERROR: 10": "+CME ERROR: SIM not inserted",
    "+CME ERROR: 11": "+CME ERROR: SIM PIN required",
    "+CME ERROR: 14": "+CME ERROR: SIM busy",
}
"""27.007, 9.2.1: the text of each error number after AT+CMEE=2."""

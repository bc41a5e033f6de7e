"""What a SIM holds beside its IMSI. It follows from the IMSI, so a swapped SIM shows in every answer."""

from __future__ import annotations

from collections.abc import Mapping

NETWORK_NAMES: Mapping[str, str] = {
    "25002": "MegaFon",
    "25099": "Beeline",
    "25501": "Vodafone UA",
    "25503": "KYIVSTAR",
    "25506": "lifecell",
}
"""How networks call themselves in +COPS (3GPP TS 22.042), by PLMN."""


def sim_facts(imsi: str) -> dict[str, str]:
    """Return a SIM's numbers: IMSI, ICCID (ITU-T E.118), its own number and its service centre's."""
    return {
        "imsi": imsi,
        "iccid": _with_check_digit(f"8970{imsi[-14:]:>014}"),
        "number": f"+7999{imsi[-7:]:>07}",
        "service_centre": "+79990000000",
    }


def network_name(imsi: str) -> str:
    """Return the name of a SIM's home network; its digits if these banks do not know the network."""
    return NETWORK_NAMES.get(imsi[:5], imsi[:5])


def _with_check_digit(digits: str) -> str:
    """Append Luhn's check digit (ISO/IEC 7812-1)."""
    doubled = (
        str(int(digit) * 2) if place % 2 == 0 else digit for place, digit in enumerate(reversed(digits))
    )
    return f"{digits}{-sum(int(digit) for digit in ''.join(doubled)) % 10}"

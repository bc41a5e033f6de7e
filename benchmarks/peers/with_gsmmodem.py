"""``python -m peers.with_gsmmodem PORT ...``: python-gsmmodem-new connects to each port in its own thread.

The modems are not closed: to close one takes up to a second, and the end of this program closes them all.
"""

from __future__ import annotations

from gsmmodem.exceptions import GsmModemException
from gsmmodem.modem import GsmModem

from peers.each_port import ask_each_port


def read_imei(port: str) -> str | None:
    """Return the IMEI of the module on a port; None if the library cannot connect to it."""
    modem = GsmModem(port, 115200)
    try:
        modem.connect()
        return str(modem.imei)
    except (GsmModemException, OSError):
        return None


if __name__ == "__main__":
    ask_each_port(read_imei)

"""Simulated GSM modules, without descriptor or clock, and a bank that runs them on pseudo-terminals."""

from .banks import PUBLISHED_EXAMPLE, default_bank, every_fault_bank, imei, imsi, live_bank, numbers_to_rent
from .controller import SimulatedBank, SimulatorError
from .families import FAMILIES
from .faults import FAULTS
from .module import Counts, Emission, Event, HangUp, SimulatedModule

__all__ = [
    "FAMILIES",
    "FAULTS",
    "PUBLISHED_EXAMPLE",
    "Counts",
    "Emission",
    "Event",
    "HangUp",
    "SimulatedBank",
    "SimulatedModule",
    "SimulatorError",
    "default_bank",
    "every_fault_bank",
    "imei",
    "imsi",
    "live_bank",
    "numbers_to_rent",
]

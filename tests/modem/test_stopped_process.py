"""A process that is stopped in mid-census, at any instant. In virtual time."""

from __future__ import annotations

from chaos_bank import ChaosModule, Line, random_bank
from virtual import VirtualHost

from modem_simulator import SimulatedModule, imei, imsi
from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem.probing import Probing

DEADLINE_SECONDS = 8.0
STOPPED_SECONDS = 6.0


class StoppedHost(VirtualHost):
    """One module. It begins a call while whoever asks is stopped, before a reading of the clock."""

    def __init__(self, stopped_at_reading: int) -> None:
        bank = random_bank(0)
        self.modem = ChaosModule(SimulatedModule(imei(1), imsi("25099", 1), latency=0.05), Line())
        bank.modules, bank.lag = [self.modem], 0.0
        super().__init__(bank)
        self.stopped_at = DEADLINE_SECONDS
        self.readings = 0
        self._stopped_at_reading = stopped_at_reading

    def clock(self) -> float:
        self.readings += 1
        if self.readings == self._stopped_at_reading:
            self.stopped_at = self.now
            self.modem.module.change(fault="in_call")
            self._sleep(self.now + STOPPED_SECONDS)
        return self.now


def test_no_proof_claims_to_be_younger_than_a_stop():
    undisturbed = StoppedHost(0)
    Probing(undisturbed.ports, DEADLINE_SECONDS, undisturbed).run()
    counted = 0
    for reading in range(1, undisturbed.readings + 1):
        host = StoppedHost(reading)
        [finding] = Probing(host.ports, DEADLINE_SECONDS, host).run()
        if finding.verdict is Verdict.AVAILABLE:
            counted += 1
            assert finding.seconds <= host.stopped_at + 0.001, f"stopped at reading {reading}"
    assert counted

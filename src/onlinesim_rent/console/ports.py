"""``onlinesim-rent ports``: lists this host's serial ports, and the RENT_PORTS line that would take them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import click
from rich.text import Text

from onlinesim_rent.clock import Deadline, boot_clock
from onlinesim_rent.console.errors import explained, printed
from onlinesim_rent.console.output import console
from onlinesim_rent.console.port_report import NO_PORT, HostPorts, document, headings, notes, rows
from onlinesim_rent.console.tables import print_table, table_of
from onlinesim_rent.descriptors import allow_descriptors
from onlinesim_rent.finding import CensusError, Finding, Verdict
from onlinesim_rent.modem.ports import inventory
from onlinesim_rent.modem.ports.find import Port, find_ports
from onlinesim_rent.modem.ports.holders import cannot_see_all_holders
from onlinesim_rent.modem.ports.inventory import Host, SerialDevice, serial_devices, stable_names
from onlinesim_rent.modem.ports.signs_of_use import SignsOfUse
from onlinesim_rent.modem.probe import Prober
from onlinesim_rent.modem.protocol.dialogue import attention
from onlinesim_rent.settings import baud_rate

ASK_SECONDS = 8.0
"""How long all ports together may take to answer. A silent one takes 3 seconds, and all are asked at once."""

_NOT_ASKED = {Verdict.UNREACHABLE, Verdict.OUT_OF_TIME}
_NO_AT = {Verdict.SILENT, Verdict.NOT_AT, Verdict.HUNG_UP}


@click.command()
@click.option("--ask", "is_asked", is_flag=True, help="Send AT to each port that no program uses.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def ports(*, is_asked: bool, as_json: bool) -> None:
    """List this host's serial ports, and a RENT_PORTS line for them.

    The line takes one port of every module. Needs no setting, and without --ask it opens no port. With
    --ask it opens each port that no program uses, at RENT_BAUD_RATE. Some devices that are no modules
    restart when they are opened.

    \b
    Examples:
      onlinesim-rent ports          the ports, their sockets and the programs that use them
      onlinesim-rent ports --ask    the ports that answer AT too
      onlinesim-rent ports --ask --json | jq -r .rent_ports
    """  # noqa: D301 - click's \b keeps the lines of the example
    with explained():
        report = _look(inventory.HOST, is_asked=is_asked)
    with printed():
        if as_json:
            click.echo(json.dumps(document(report), indent=1))
        elif report.devices:
            _print(report)
    if not report.devices:
        click.echo(NO_PORT, err=True)
    elif unseen := cannot_see_all_holders():
        console(stderr=True).print(Text(unseen, "yellow"))


def _look(host: Host, *, is_asked: bool) -> HostPorts:
    """Raises CensusError and ConfigurationError."""
    devices = _devices(host)
    found = find_ports((port.device for device in devices for port in device.ports), sysfs=host.sysfs)
    in_use = _in_use(found)
    report = HostPorts(devices, stable_names(host), in_use)
    return _asked(report, _ask(found, host)) if is_asked else report


def _asked(report: HostPorts, findings: Sequence[Finding]) -> HostPorts:
    """Add what the ports showed when they were asked."""
    held = {finding.port: finding.reason for finding in findings if finding.is_held}
    asked = [finding for finding in findings if not finding.is_held and finding.verdict not in _NOT_ASKED]
    answers = {finding.port: finding.verdict not in _NO_AT for finding in asked}
    in_use = {**report.in_use, **held}
    known = in_use.keys() | answers.keys()
    not_asked = {finding.port: finding.reason for finding in findings if finding.port not in known}
    return replace(report, in_use=in_use, answers=answers, not_asked=not_asked)


def _devices(host: Host) -> list[SerialDevice]:
    try:
        return serial_devices(host)
    except OSError as error:
        raise CensusError(
            f"{error.filename} does not tell which ports there are: {error.strerror}; mount sysfs"
        ) from error


def _in_use(found: Sequence[Port]) -> dict[str, str]:
    """Return why a port must be left alone, by its path: a program uses it, or it is the kernel's."""
    refused = {port.name: port.refusal for port in found if port.refusal}
    signs = SignsOfUse(Deadline(boot_clock() + ASK_SECONDS), None).look(found, (), ())
    return refused | {name: held.reason for name, held in signs.items()}


def _ask(found: Sequence[Port], host: Host) -> list[Finding]:
    rate = baud_rate()
    click.echo(f"Asking {len(found)} ports ...", err=True)
    allow_descriptors()
    # A free port of a module that a program uses is asked too: it may be the one to name.
    prober = Prober(rate, taken_by_holders=False, sysfs=host.sysfs, ask=attention)
    return prober.probe(found, boot_clock() + ASK_SECONDS)


def _print(report: HostPorts) -> None:
    table = table_of(*headings(report))
    for cells in rows(report):
        table.add_row(*cells, style="yellow" if cells[-1] else "")
    target = console()
    print_table(target, table)
    if report.line:
        target.print("\nOne port of every module:\n")
        # Not folded: a person copies it.
        target.print(Text(report.line, "bold"), soft_wrap=True)
    for note in notes(report):
        target.print(f"\n{note}")

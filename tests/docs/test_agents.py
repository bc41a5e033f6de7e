"""Every example of docs/agents.md, taken from the page and run."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from lines import holder
from marketplace import ask, counts
from pages import examples
from servers import PATIENCE_SECONDS, PROJECT, gunicorn, served_by

from modem_simulator import SimulatedBank, SimulatedModule, imei, imsi, live_bank

EXAMPLES = examples(PROJECT / "docs" / "agents.md")
OPENS_AND_CLOSES = "It opens and closes ports"
KEEPS_ONE_OF_TWO = "It keeps one of two ports open"
KEEPS_THE_ONLY = "It keeps the only port open"
CLAIMS_DIR = "/var/lib/onlinesim-rent/claims"

BEELINE, MEGAFON, LIFE = ("russia", "beeline"), ("russia", "megafon"), ("ukraine", "life")
MODULES = live_bank(3, 0.005)
UNPLUGGED = SimulatedModule(imei(4), imsi("25099", 4), fault="hang_up")
TWO_PORTS = SimulatedModule(imei(1), imsi("25099", 1), ports=2)

LANGUAGES = {
    "python": ([sys.executable, "-c"], "imsi = '{}'"),
    "sh": (["sh", "-c"], "imsi='{}'"),
    "php": (["php", "-r"], "$imsi = '{}';"),
}
"""How to run each language, and how it sets a variable."""


def test_every_example_of_the_page_is_run_here():
    assert set(EXAMPLES) == {
        *((OPENS_AND_CLOSES, language) for language in LANGUAGES),
        (KEEPS_ONE_OF_TWO, "ini"),
        (KEEPS_THE_ONLY, "python"),
        (KEEPS_THE_ONLY, "sh"),
    }


# It opens and closes ports


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """The service of two modules, with a directory of claims. It answers a census for a minute."""
    claims, runtime = tmp_path_factory.mktemp("claims"), tmp_path_factory.mktemp("runtime")
    with SimulatedBank(MODULES[:2]) as bank:
        given = {
            "RENT_API_KEY": "secret-key",
            "RENT_PORTS": bank.ports,
            "RENT_RUNTIME_DIR": str(runtime),
            "RENT_CLAIMS_DIR": str(claims),
            "RENT_CACHE_SECONDS": "60",
            "WEB_CONCURRENCY": "1",
        }
        with gunicorn("wsgi:app", **given) as server:
            yield SimpleNamespace(claims=claims, server=server)


def run(language: str, lines: list[str], claims: Path) -> int:
    """The exit status of some lines of an example, run in a process of its own for the first SIM."""
    program, assignment = LANGUAGES[language]
    code = "\n".join([assignment.format(MODULES[0].imsi), *lines]).replace(CLAIMS_DIR, str(claims))
    return subprocess.run(
        [*program, code], capture_output=True, timeout=PATIENCE_SECONDS, check=False
    ).returncode


@pytest.mark.parametrize("language", ["python", "sh", pytest.param("php", marks=pytest.mark.needs("php"))])
def test_three_lines_claim_and_release_a_number(language, service):
    *begin, claim, release = EXAMPLES[OPENS_AND_CLOSES, language].splitlines()
    assert counts(ask(service.server)) == {BEELINE: 1, MEGAFON: 1}
    assert run(language, [*begin, claim], service.claims) == 0
    assert counts(ask(service.server)) == {MEGAFON: 1}
    assert run(language, [*begin, claim], service.claims) != 0
    assert run(language, [*begin, release], service.claims) == 0
    assert counts(ask(service.server)) == {BEELINE: 1, MEGAFON: 1}


# It keeps one of two ports open


def test_a_second_port_answers_for_a_held_module(start_gunicorn, tmp_path):
    claims = tmp_path / "claims"
    claims.mkdir()
    settings = EXAMPLES[KEEPS_ONE_OF_TWO, "ini"].replace(CLAIMS_DIR, str(claims))
    given = dict(line.split("=", 1) for line in settings.splitlines())
    given["RENT_PORTS"] = given["RENT_PORTS"].replace("/dev/serial/by-path", str(tmp_path))
    # As udev names the ports of a module's interfaces 2 and 3.
    held, asked = (f"pci-0000:00:14.0-usb-0:2:1.{interface}-port0" for interface in (2, 3))
    with SimulatedBank([TWO_PORTS]) as bank:
        (tmp_path / held).symlink_to(bank.port("modem000"))
        (tmp_path / asked).symlink_to(bank.port("modem000b"))
        with holder(bank.port("modem000"), "flock"):
            server = start_gunicorn(
                "wsgi:app", RENT_RUNTIME_DIR=f"{tmp_path}/runtime", RENT_CACHE_SECONDS="60", **given
            )
            assert counts(ask(server)) == {BEELINE: 1}
            (claims / f"port-{asked}").touch()
            assert counts(ask(server)) == {}
            (claims / f"port-{asked}").unlink()
            assert counts(ask(server)) == {BEELINE: 1}
        assert bank.stats()["ports"]["modem000"]["opens"] == 1


# It keeps the only port open


@pytest.fixture(scope="module")
def agent(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """The page's agent, started as the page says. Each answer needs a census; one module hangs up."""
    home, claims = tmp_path_factory.mktemp("agent"), tmp_path_factory.mktemp("claims")
    (home / "agent.py").write_text(EXAMPLES[KEEPS_THE_ONLY, "python"])
    program = [sys.executable, "-m", *shlex.split(EXAMPLES[KEEPS_THE_ONLY, "sh"])]
    with SimulatedBank([*MODULES, UNPLUGGED]) as bank:
        given = {
            # Gunicorn's own settings put a control socket there.
            "HOME": str(home),
            "RENT_API_KEY": "secret-key",
            "RENT_PORTS": bank.ports,
            "RENT_RUNTIME_DIR": f"{home}/runtime",
            "RENT_CLAIMS_DIR": str(claims),
            "RENT_CACHE_SECONDS": "0",
        }
        with served_by(program, home, **given) as server:
            yield SimpleNamespace(bank=bank, claims=claims, server=server)


def test_an_agent_answers_for_the_ports_it_keeps_open(agent):
    with ThreadPoolExecutor(30) as callers:
        answers = list(callers.map(lambda _: ask(agent.server), range(30)))
    assert all(counts(answer) == {BEELINE: 1, MEGAFON: 1, LIFE: 1} for answer in answers)
    stats = agent.bank.stats()
    assert {port["opens"] for port in stats["ports"].values()} == {1}
    assert stats["totals"]["settings"] == []


def test_an_agent_leaves_out_a_module_in_a_call(agent):
    agent.bank.change("modem001", fault="in_call")
    assert counts(ask(agent.server)) == {BEELINE: 1, LIFE: 1}
    agent.bank.change("modem001", fault="none")
    assert counts(ask(agent.server)) == {BEELINE: 1, MEGAFON: 1, LIFE: 1}


def test_an_agent_obeys_claims(agent):
    device = os.path.realpath(agent.bank.port("modem001"))
    # Neither name is the one by which the agent knows the port.
    for name in (f"imsi-{MODULES[0].imsi}", f"port-{os.path.basename(device)}"):
        (agent.claims / name).touch()
    assert counts(ask(agent.server)) == {LIFE: 1}
    for name in os.listdir(agent.claims):
        (agent.claims / name).unlink()
    assert counts(ask(agent.server)) == {BEELINE: 1, MEGAFON: 1, LIFE: 1}

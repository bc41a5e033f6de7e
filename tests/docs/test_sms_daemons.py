"""The daemons of docs/sms-daemons.md, set up as it says: real ones, on the simulated bank."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs

import pytest
from commands import run
from lines import remove_shared_memory
from needs import PATH
from servers import PATIENCE_SECONDS, PROJECT

from modem_simulator import SimulatedBank, SimulatedModule, imei, imsi
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.holders import processes_holding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (PROJECT / "docs" / "sms-daemons.md").read_text()
VARIABLES, GAMMU_SCRIPT, SMSD_SCRIPT = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
GAMMU_SETTINGS, SMSD_SETTINGS = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
TEXT = "Код 1234 \" $HOME '&'"
CLAIM = f"imsi-{imsi('25099', 1)}"


class Daemon(NamedTuple):
    """A daemon and what the page shows for it. ``plus`` is what it writes before a sender."""

    command: list[str]
    settings: str
    script: str
    plus: str


DAEMONS = {
    "gammu-smsd": Daemon(["gammu-smsd", "--config", "settings"], GAMMU_SETTINGS, GAMMU_SCRIPT, "+"),
    # Its other files stand in directories of the whole host otherwise.
    "smsd": Daemon(
        ["smsd", "-t", "-csettings", "-irunning", "-ppid", "-llog"], SMSD_SETTINGS, SMSD_SCRIPT, ""
    ),
}


class Agent:
    """A program that rents numbers out: it is posted the texts."""

    def __init__(self) -> None:
        self.texts: Queue[dict[str, str]] = Queue()

    @contextmanager
    def listening(self) -> Iterator[str]:
        texts = self.texts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                texts.put({name: value for name, [value] in parse_qs(body).items()})
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            serving = Thread(target=server.serve_forever)
            serving.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/texts"
            finally:
                server.shutdown()
                serving.join()


def placed(text: str, directory: Path, port: str, url: str) -> str:
    """What the page shows, with the test's own port, address and directory."""
    for shown, own in {
        "http://127.0.0.1:9000/texts": url,
        "/dev/ttyUSB2": os.path.realpath(port),
        "/usr/local/bin": str(directory),
        "/var/spool": f"{directory}/spool",
    }.items():
        text = text.replace(shown, own)
    return text


@contextmanager
def running(daemon: Daemon, directory: Path, port: str, url: str) -> Iterator[None]:
    for spool in re.findall(r"/var/(spool/\S+)", daemon.settings):
        (directory / spool).mkdir(parents=True)
    [name] = re.findall(r"/usr/local/bin/(\S+)", daemon.settings)
    (directory / name).write_text(placed(daemon.script, directory, port, url))
    (directory / name).chmod(0o755)
    (directory / "settings").write_text(placed(daemon.settings, directory, port, url))
    process = subprocess.Popen(
        daemon.command,
        cwd=directory,
        env={"PATH": PATH, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        remove_shared_memory(directory / "settings")


def census(tmp_path: Path, port: str) -> str:
    shown = dict(re.findall(r"^(RENT_\w+)=(\S+)", VARIABLES, re.MULTILINE))
    own = {"RENT_PORTS": port, "RENT_CLAIMS_DIR": f"{tmp_path}/claims", "RENT_CACHE_SECONDS": "0"}
    own |= {"RENT_API_KEY": "secret-key", "RENT_RUNTIME_DIR": f"{tmp_path}/runtime"}
    return run("census", **(shown | own)).stdout


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs(name, "curl")) for name in DAEMONS]
)
def test_a_text_reaches_the_agent_while_claims_decide(name: str, tmp_path: Path):
    daemon, agent, claim = DAEMONS[name], Agent(), tmp_path / "claims" / CLAIM
    claim.parent.mkdir()
    claim.touch()
    # gammu-smsd turns the echo on, and waits for it.
    module = SimulatedModule(imei(1), imsi("25099", 1), ports=2, echo=name == "gammu-smsd")
    with SimulatedBank([module]) as bank, agent.listening() as url:
        first, second = bank.port("modem000"), bank.port("modem000b")
        with running(daemon, tmp_path, first, url):
            bank.deliver("modem000", "79161234567", TEXT)
            text = agent.texts.get(timeout=PATIENCE_SECONDS)
            assert text == {"module": "module-1", "sender": f"{daemon.plus}79161234567", "text": TEXT}

            assert processes_holding([DeviceIdentity.of(os.stat(first))])
            assert " claimed " in census(tmp_path, second)
            claim.unlink()
            assert " available " in census(tmp_path, second)

"""An endpoint that cannot be asked is one failed rule; all others are skipped."""

from __future__ import annotations

import socket
import time

import pytest
from wrong_endpoint import KEY, endpoint

from onlinesim_rent.conformance.client import Endpoint
from onlinesim_rent.conformance.examination import examine
from onlinesim_rent.conformance.result import Outcome
from onlinesim_rent.conformance.secret import Secret


def reason(url: str, timeout: float = 10.0) -> str:
    """The reason of the rule ``reachable``, which is the only one that is not skipped."""
    report = examine(Endpoint(url, Secret(KEY), timeout), {}, time.time())
    [failed] = [result for result in report.results if result.outcome is not Outcome.SKIPPED]
    assert (failed.rule.name, failed.outcome) == ("reachable", Outcome.FAILED)
    return failed.reason


def test_nothing_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert reason(f"http://127.0.0.1:{unused.getsockname()[1]}/") == "connection refused"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70])
def test_the_host_has_no_address(host: str) -> None:
    assert reason(f"http://{host}/") == "the host's name has no address"


def test_the_server_does_not_speak_tls() -> None:
    with endpoint() as (url, _):
        assert "does not speak TLS" in reason(url.replace("http:", "https:"))


def test_the_server_accepts_and_says_nothing_to_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        assert reason(url, timeout=0.1) == "no connection within 0.1 s"


def test_the_server_closes_each_connection() -> None:
    with endpoint(lambda asked, right: exec("raise ConnectionError")) as (url, _):
        assert reason(url) == "the server closed the connection without an answer"

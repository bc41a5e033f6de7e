"""The pages for people: who may see them, what they say, and what their headers forbid."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from hand_census import HandCensus, census_of
from lines import CENSUS_SECONDS
from servers import assert_tells_no_secret

from onlinesim_rent.application import create_app, live_census
from onlinesim_rent.census.claims import Claims, digest
from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.census.history import History, Point, step_of, written_points
from onlinesim_rent.census.host_report import HostReport, HostState
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import CensusError, Verdict
from onlinesim_rent.web.authentication import is_loopback
from onlinesim_rent.web.status import StatusSources, status_blueprint
from onlinesim_rent.web.status_page import claim_list, common_directory, countries, last_census, port_groups

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from onlinesim_rent.settings import Settings

BEARER = {"Authorization": "Bearer secret-key"}
RUSSIAN_KEY = "ключ"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return replace(settings, status_page=True, runtime_dir=tmp_path / "runtime")


@pytest.fixture
def client(settings: Settings, census: HandCensus) -> FlaskClient:
    return create_app(settings, census).test_client()


def page(settings: Settings, census: HandCensus, path: str = "/status") -> str:
    answer = create_app(settings, census).test_client().get(path, headers=BEARER)
    assert answer.status_code == 200
    return words(answer.text)


def words(html: str) -> str:
    """The text of a page, without its style and with single spaces."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL).split())


# Who may see them


def basic(login: str, charset: str = "utf-8") -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(login.encode(charset)).decode()}"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (BEARER, 200),
        (basic("anybody:secret-key"), 200),
        (basic(":secret-key"), 200),
        (basic("имя:secret-key"), 200),
        (basic(f"a:{RUSSIAN_KEY}"), 200),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer"}, 401),
        (basic("secret-key:"), 401),
        (basic("secret-key"), 401),
        (basic("a:secret-key "), 401),
        (basic("a:secret-ke\u00ff", "latin-1"), 401),
        (basic(f"a:{RUSSIAN_KEY}", "cp1251"), 401),
        ({"Authorization": "Basic !"}, 401),
        ({"Authorization": "Digest secret-key"}, 401),
        ({"Authorization": "secret-key"}, 401),
    ],
)
def test_the_status_page_needs_a_valid_key(
    settings: Settings, census: HandCensus, headers: dict[str, str], status: int
) -> None:
    app = create_app(replace(settings, api_keys=("other", "secret-key", RUSSIAN_KEY)), census)

    assert app.test_client().get("/status", headers=headers).status_code == status


def test_without_a_key_both_ways_to_log_in_are_told(client: FlaskClient) -> None:
    challenges = client.get("/status").headers.getlist("WWW-Authenticate")

    assert challenges == ['Basic realm="onlinesim-rent", charset="UTF-8"', 'Bearer realm="onlinesim-rent"']


def test_no_key_is_logged(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    for headers in (BEARER, basic("secret-key:wrong"), {"Authorization": "Bearer secret-keys"}):
        client.get("/status?key=secret-key", headers=headers)

    assert len(caplog.messages) == 2
    assert_tells_no_secret(caplog.text, {"secret-key"})


@pytest.mark.parametrize(
    ("address", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("", True),
        ("128.0.0.1", False),
        ("192.168.1.2", False),
        ("::2", False),
        ("::ffff:10.0.0.1", False),
        ("localhost", False),
    ],
)
def test_loopback_is_this_host_alone(address: str, *, is_local: bool) -> None:
    assert is_loopback(address) is is_local


@pytest.mark.parametrize("path", ["/", "/status"])
def test_the_pages_are_not_there_for_other_hosts(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers=BEARER, environ_base={"REMOTE_ADDR": "192.0.2.1"})

    assert answer.status_code == 404
    assert answer.json["status"] == "ERROR"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_behind_a_proxy_only_the_page_with_a_key_is_there(client: FlaskClient, header: str) -> None:
    forwarded = {header: "192.0.2.1"}

    assert client.get("/", headers=BEARER | forwarded).status_code == 404
    assert client.get("/status", headers=forwarded).status_code == 401
    assert client.get("/status", headers=BEARER | forwarded).status_code == 200


def test_the_status_page_is_off_by_default(settings: Settings, census: HandCensus) -> None:
    client = create_app(replace(settings, status_page=False), census).test_client()

    assert client.get("/status", headers=BEARER).status_code == 404
    assert "RENT_STATUS_PAGE=1" in words(client.get("/").text)


def test_an_application_of_ones_own_can_show_the_page(settings: Settings, census: HandCensus) -> None:
    sources = StatusSources(census, history=tuple, claims=None, note=str)
    app = Flask("ours")
    app.register_blueprint(status_blueprint(settings, sources))

    assert app.test_client().get("/status").status_code == 401
    assert "40 numbers available" in words(app.test_client().get("/status", headers=BEARER).text)


# What every page has


@pytest.mark.parametrize("path", ["/", "/status"])
def test_a_page_runs_nothing_loads_nothing_and_is_not_kept(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers=BEARER)

    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert policy(answer) == {
        "default-src": ["'none'"],
        "style-src": [f"'sha256-{digest_of_style(answer.text)}'"],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    assert not re.search(r"<script|<form|\sstyle=|\son\w+=|(?:src|href)=\"(?!/|data:)", answer.text)


def policy(answer: TestResponse) -> dict[str, list[str]]:
    directives = [part.split() for part in answer.headers["Content-Security-Policy"].split("; ")]
    return {name: values for name, *values in directives}


def digest_of_style(html: str) -> str:
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def test_the_landing_page_names_the_pages_and_the_version(client: FlaskClient) -> None:
    shown = words(client.get("/").text)

    assert shown.startswith("onlinesim-rent onlinesim-rent 1.0.0 ")
    for path in ("POST /getServicesRent", "/status", "/healthz", "/metrics"):
        assert path in shown


# What the status page says


def test_the_page_shows_the_last_census_and_takes_none(settings: Settings, census: HandCensus) -> None:
    shown = page(settings, census)

    assert "40 numbers available of 41 ports, counted 2 s ago, in 3.0 s" in shown
    assert "russia 19 beeline 9 megafon 10 ukraine 21 kyivstar 5 life 2 vodafone 14" in shown
    assert census.deadlines == []


def test_the_page_renews_itself_unless_the_reader_stops_that(client: FlaskClient) -> None:
    assert '<meta http-equiv="refresh" content="30">' in client.get("/status", headers=BEARER).text
    assert "refresh" not in client.get("/status?renew=off", headers=BEARER).text


def test_before_the_first_census_the_page_says_what_to_do(settings: Settings) -> None:
    client = create_app(settings, live_census(settings)).test_client()
    shown = words(client.get("/status", headers=BEARER).text)

    assert "No census yet" in shown
    assert "onlinesim-rent census" in shown


def test_a_failed_census_is_told_above_the_numbers_before_it(settings: Settings) -> None:
    shown = page(settings, HandCensus(failure=CensusError("no descriptors are left <&>")))

    assert "The last census failed no descriptors are left &lt;&amp;&gt; The numbers below are" in shown
    assert "40 numbers available" in shown


def test_a_missing_host_is_told_above_the_numbers(settings: Settings) -> None:
    missing = HostReport("pool-2", HostState.MISSING, "is not there <&>")
    shown = page(settings, HandCensus(replace(HandCensus().census, hosts=(missing,))))

    assert "Not all hosts are counted host pool-2 is not there &lt;&amp;&gt;" in shown


@pytest.mark.parametrize(("seconds", "is_told"), [(599, False), (601, True)])
def test_an_old_census_tells_that_nobody_asks(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, seconds: float, *, is_told: bool
) -> None:
    census = HandCensus()
    monkeypatch.setattr(census, "last", lambda: (census.census, seconds), raising=False)

    assert ("Nobody has asked since" in page(settings, census)) is is_told


def test_without_a_port_the_page_says_what_to_look_at(settings: Settings) -> None:
    shown = page(settings, HandCensus(Census((), 0.1)))

    assert "0 numbers available of 0 ports" in shown
    assert "No port was found" in shown


def test_what_a_module_says_cannot_change_the_page(settings: Settings) -> None:
    hostile = PortReport('/dev/<b>"', Verdict.NOT_AT, "<script>alert(1)</script>", 0.1)
    client = create_app(settings, HandCensus(Census((hostile,), 0.1))).test_client()
    html = client.get("/status", headers=BEARER).text

    assert "<script" not in html
    assert "<b>&#34;" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_the_last_hours_are_drawn_and_told(settings: Settings) -> None:
    now = step_of(boot_clock())
    points = [Point(now - 3600.0, 12, 20, failed=False), Point(now - 600.0, None, None, failed=True)]
    RuntimeDirectory(settings.runtime_dir).replace("history.json", written_points(points))
    shown = page(settings, HandCensus())

    assert "In the last 24 hours: always 12 available; censuses failed for 5 min; none was taken for" in shown


def test_a_live_census_is_remembered_for_the_picture(settings: Settings) -> None:
    live = live_census(replace(settings, ports=("/nowhere/*",)))
    live.get(boot_clock() + CENSUS_SECONDS)
    with pytest.raises(CensusError):
        live.get(boot_clock() - 1)
    [point] = History(RuntimeDirectory(settings.runtime_dir)).points()

    assert point[1:] == (0, 0, True)


def test_with_the_page_off_nothing_is_remembered(settings: Settings) -> None:
    off = replace(settings, status_page=False, ports=("/nowhere/*",))
    live_census(off).get(boot_clock() + CENSUS_SECONDS)

    assert History(RuntimeDirectory(settings.runtime_dir)).points() == ()


def test_2000_ports_are_one_well_formed_page(settings: Settings) -> None:
    counts = {(f"country{number}", "operator"): 20 for number in range(100)}
    client = create_app(settings, HandCensus(census_of(counts))).test_client()
    html = client.get("/status", headers=BEARER).text

    assert "2000" in words(html)
    assert len(html) < 500_000
    Balanced().check(html)


class Balanced(HTMLParser):
    """Fails on an element that is not closed where it must be."""

    VOID = frozenset({"meta", "link"})

    def __init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    def check(self, html: str) -> None:
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


# Claims


@pytest.fixture
def claims(settings: Settings, tmp_path: Path) -> Settings:
    (tmp_path / "claims").mkdir()
    return replace(settings, claims_dir=tmp_path / "claims")


def test_without_a_directory_of_claims_none_are_told(settings: Settings, census: HandCensus) -> None:
    assert "Claims" not in page(settings, census)


def test_without_a_claim_the_page_says_so(claims: Settings, census: HandCensus) -> None:
    assert "Claims No number is claimed." in page(claims, census)


def test_a_claim_is_shown_masked_with_its_note(claims: Settings, census: HandCensus, tmp_path: Path) -> None:
    (tmp_path / "claims" / "imsi-250991234567890").write_text("order 4711 for +79161234567\n")
    shown = page(claims, census)

    assert "imsi-…7890 not known yet: the claims have changed since order 4711 for +…4567" in shown
    assert_tells_no_secret(shown, {"secret-key"})


def test_claims_that_cannot_be_read_are_told(claims: Settings, census: HandCensus, tmp_path: Path) -> None:
    (tmp_path / "claims" / "250991234567890").touch()

    assert "which is no claim; rename or remove it" in page(claims, census)


def test_each_claim_has_the_ports_that_it_took() -> None:
    claims = Claims(frozenset({"port-ttyUSB1", "port-ttyUSB9"}))
    report = PortReport("/dev/ttyUSB1", Verdict.CLAIMED, "taken", 1.0)
    matched = {digest("port-ttyUSB1"): ("/dev/ttyUSB1",)}
    census = Census((report,), 1.0, claims=claims.fingerprint, matched=matched)
    notes = {"port-ttyUSB1": "a note"}

    assert [(claim.name, claim.note, claim.took) for claim in claim_list(claims, notes, census).claims] == [
        ("port-ttyUSB1", "a note", ("ttyUSB1",)),
        ("port-ttyUSB9", "", ()),
    ]
    other = replace(census, claims="")
    assert {claim.took for claim in claim_list(claims, notes, other).claims} == {None}


# The rules of the view


def test_bars_are_measured_against_the_longest() -> None:
    [russia, ukraine] = countries({("ukraine", "life"): 1, ("russia", "mts"): 4, ("russia", "beeline"): 2})

    assert (russia.name, russia.number, ukraine.name, ukraine.number) == ("russia", 6, "ukraine", 1)
    assert [(operator.name, operator.percent) for operator in russia.operators] == [
        ("beeline", 50),
        ("mts", 100),
    ]


def test_ports_are_grouped_by_verdict_and_the_counted_ones_last() -> None:
    reports = [
        PortReport("/dev/ttyUSB0", Verdict.AVAILABLE, "answered all checks", 1.0, "russia", "mts"),
        PortReport("/dev/ttyUSB1", Verdict.SIM_NOT_READY, "its SIM is not ready: SIM PIN", 1.0),
        PortReport("/dev/ttyUSB2", Verdict.AVAILABLE, "answered all checks", 1.0, "russia", "beeline"),
        PortReport("/dev/ttyUSB3", Verdict.SIM_NOT_READY, "the same module as /dev/ttyUSB1", 1.0),
    ]
    wrong, right = port_groups(reports, "/dev/")

    assert (wrong.verdict, right.verdict) == ("SIM not ready", "available")
    assert (wrong.is_counted, right.is_counted) == (False, True)
    assert "PIN" in wrong.advice
    assert [port.shown for port in wrong.ports] == [
        "its SIM is not ready: SIM PIN",
        "the same module as ttyUSB1",
    ]
    assert [(port.name, port.shown) for port in right.ports] == [
        ("ttyUSB0", "russia mts"),
        ("ttyUSB2", "russia beeline"),
    ]


@pytest.mark.parametrize(
    ("ports", "directory"),
    [
        ([], ""),
        (["/dev/ttyUSB0", "/dev/ttyUSB1"], "/dev/"),
        (["/dev/serial/by-path/a"], "/dev/serial/by-path/"),
        (["/dev/ttyUSB0", "/dev/serial/by-path/a"], ""),
        (["socket://10.0.0.1:7001", "socket://10.0.0.1:7002"], ""),
        (["ttyUSB0"], ""),
    ],
)
def test_a_directory_is_left_out_if_all_ports_are_in_it(ports: list[str], directory: str) -> None:
    assert common_directory(ports) == directory


def test_a_census_is_old_after_ten_minutes() -> None:
    assert [last_census(Census((), 1.0), age).is_old for age in (600, 601)] == [False, True]

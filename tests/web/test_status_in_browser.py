"""The status page as a reader sees it, in a real Chromium."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import pytest
from browser import DESKTOP, PHONE, Browser, chromium
from marketplace import ask
from servers import Server, gunicorn

from modem_simulator import SimulatedBank, SimulatedModule, live_bank

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("chromium", "chromedriver")

BOTH_WIDTHS = pytest.mark.parametrize("width", [PHONE, DESKTOP])
LIGHT_AND_DARK = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


class Site(NamedTuple):
    """A service over four modules, one of them refused by its network, and a browser that may log in."""

    browser: Browser
    server: Server
    bank: SimulatedBank
    claims: Path

    def open(self, path: str = "/status") -> None:
        self.browser.open(f"http://anybody:secret-key@127.0.0.1:{self.server.port}{path}")


def modules() -> list[SimulatedModule]:
    *sound, last = live_bank(4, 0.0)
    return [*sound, replace(last, fault="denied")]


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    with (
        TemporaryDirectory() as name,
        SimulatedBank(modules()) as bank,
        gunicorn(
            "wsgi:app",
            RENT_API_KEY="secret-key",
            RENT_PORTS=bank.ports,
            RENT_RUNTIME_DIR=f"{name}/runtime",
            RENT_CLAIMS_DIR=f"{name}/claims",
            RENT_CACHE_SECONDS="0",
            RENT_STATUS_PAGE="1",
            WEB_CONCURRENCY="1",
        ) as server,
        chromium() as browser,
    ):
        claims = Path(name, "claims")
        claims.mkdir()
        assert ask(server).status == 200
        yield Site(browser, server, bank, claims)


@pytest.fixture
def site(shared: Site) -> Iterator[Site]:
    """The shared site. The browser must have nothing to complain of at the end."""
    shared.browser.show()
    yield shared
    assert shared.browser.complaints() == []


def test_the_page_shows_the_count_the_bars_and_the_ports(site: Site) -> None:
    site.open()

    assert site.browser.driver.title == "3 of 4 available · onlinesim-rent"
    assert site.browser.text("h1").split() == ["3", "numbers", "available"]
    assert site.browser.texts(".networks [scope=row]") == ["beeline", "megafon", "life"]
    assert site.browser.texts(".ports [scope=row]") == [
        "modem003",
        "modem000",
        "modem001",
        "modem002",
    ]
    assert "In the last 24 hours: " in site.browser.text("figcaption")
    bars = site.browser.evaluate(
        "[...document.querySelectorAll('.bar rect')].map(bar => bar.getBoundingClientRect().width)"
    )
    assert len(bars) == 3
    assert min(bars) > 50


def test_a_fault_comes_first_and_says_what_to_do(site: Site) -> None:
    site.bank.change("modem002", fault="sim_pin")
    try:
        ask(site.server)
        site.open()
        assert site.browser.text("h1").split() == ["2", "numbers", "available"]
        ports = ["modem002", "modem003", "modem000", "modem001"]
        assert site.browser.texts(".ports [scope=row]") == ports
        assert site.browser.texts(".word") == ["SIM not ready", "not registered", "available"]
        assert "its SIM is not ready" in site.browser.text(".ports")
        assert "enter its PIN" in site.browser.text(".ports .attention")
    finally:
        site.bank.change("modem002", fault="none")
        ask(site.server)


def test_a_claim_is_shown_with_the_port_that_it_took(site: Site) -> None:
    claim = site.claims / "port-modem001"
    claim.write_text("order 4711\n")
    try:
        ask(site.server)
        site.open()
        assert site.browser.text("h1").split() == ["2", "numbers", "available"]
        assert site.browser.texts(".claims tbody > tr > *") == ["port-modem001", "modem001", "order 4711"]
        assert "taken by a claim: port-modem001" in site.browser.text(".ports")
    finally:
        claim.unlink()
        ask(site.server)


@BOTH_WIDTHS
def test_no_width_needs_scrolling_to_the_side(site: Site, width: int) -> None:
    site.browser.show(width=width)
    site.open()

    assert site.browser.evaluate("[innerWidth, document.documentElement.scrollWidth]") == [width, width]
    left_and_right = "[box.left, box.right].every(x => 0 <= x && x <= innerWidth)"
    boxes = "[...document.querySelectorAll('main *')].map(element => element.getBoundingClientRect())"
    assert site.browser.evaluate(f"{boxes}.every(box => {left_and_right})")


def test_a_reader_who_likes_it_dark_gets_it_dark(site: Site) -> None:
    grounds = []
    for dark in (False, True):
        site.browser.show(dark=dark)
        site.open()
        ground = site.browser.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")
        grounds.append(sum(map(int, ground)))

    assert grounds[0] > 3 * 200 > 3 * 60 > grounds[1]


def test_a_reader_can_stop_the_renewal_and_start_it_again(site: Site) -> None:
    site.open()
    assert site.browser.text("nav") == "Renews every 30 s Pause"
    site.browser.click("nav a")
    assert site.browser.text("nav") == "Paused Renew every 30 s"
    site.browser.click("nav a")
    assert site.browser.evaluate("document.querySelector('meta[http-equiv=refresh]').content") == "30"


def test_the_page_is_the_same_without_javascript(site: Site) -> None:
    site.open()
    with_scripts = site.browser.text("main")
    site.browser.allow_scripts(allowed=False)
    try:
        site.open()
        without = site.browser.text("main")
    finally:
        site.browser.allow_scripts(allowed=True)

    assert without.splitlines()[0] == "3"
    assert [line for line in without.splitlines() if "ago" not in line] == [
        line for line in with_scripts.splitlines() if "ago" not in line
    ]


@pytest.mark.needs("axe-core")
@BOTH_WIDTHS
@LIGHT_AND_DARK
def test_axe_finds_nothing_inaccessible(site: Site, width: int, *, dark: bool) -> None:
    site.browser.show(width=width, dark=dark)
    site.open("/")
    assert site.browser.violations() == []
    site.open("/status?renew=off")
    assert site.browser.violations() == []
    # axe forbids any renewal. WCAG 2.2.1 allows one that the reader can turn off, as here.
    site.open("/status")
    assert site.browser.violations(without=("meta-refresh",)) == []

"""Takes the picture of the status page in docs/: a real service, real Chromium, simulated modules.

    .venv/bin/python tools/status_picture.py

The modules are the simulator's default bank, in which nine modules must not be counted; one more number is
claimed. The last 24 hours are made up, because nobody waits so long for a picture.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from modem_simulator import SimulatedBank, default_bank
from onlinesim_rent.census.history import KEPT_SECONDS, STEP_SECONDS, Point, step_of, written_points
from onlinesim_rent.clock import boot_clock

PROJECT = Path(__file__).parents[1]
sys.path.append(str(PROJECT / "tests/support"))
from browser import Browser, chromium  # noqa: E402
from marketplace import ask  # noqa: E402
from servers import Server, gunicorn  # noqa: E402

PICTURE = PROJECT / "docs/status.png"
PORTS = Path(gettempdir(), "modems")
"""The same in each picture. The bank makes it and removes it."""

LARGEST_BYTES = 150_000
WIDTH, HEIGHT = 1120, 1220


def main() -> None:
    """Take the picture."""
    with demonstration() as server, chromium() as browser:
        browser.show(width=WIDTH, height=HEIGHT)
        browser.open(f"http://anybody:secret-key@127.0.0.1:{server.port}/status")
        content = take(browser)
    assert len(content) < LARGEST_BYTES, f"the picture has {len(content)} bytes"
    PICTURE.write_bytes(content)
    sys.stdout.write(f"{PICTURE.relative_to(PROJECT)}: {len(content)} bytes\n")


def take(browser: Browser) -> bytes:
    """Return what the browser shows, as PNG."""
    content: bytes = browser.driver.get_screenshot_as_png()
    return content


@contextmanager
def demonstration() -> Iterator[Server]:
    """Run the service on a simulated bank with a claim and a past, and let it take a census."""
    with TemporaryDirectory() as name:
        claims, runtime = Path(name, "claims"), Path(name, "runtime")
        claims.mkdir()
        runtime.mkdir(mode=0o700)
        (claims / f"imsi-{default_bank()[3].imsi}").write_text("order 4711\n")
        (runtime / "history.json").write_bytes(written_points(past_day()))
        with (
            SimulatedBank(directory=PORTS) as bank,
            gunicorn(
                "wsgi:app",
                RENT_API_KEY="secret-key",
                RENT_PORTS=bank.ports,
                RENT_CLAIMS_DIR=str(claims),
                RENT_RUNTIME_DIR=str(runtime),
                RENT_STATUS_PAGE="1",
            ) as server,
        ):
            assert ask(server).status == 200
            yield server


def past_day() -> Iterator[Point]:
    """Make up 24 hours: a slow fall and rise, an hour without a request, a failure, and a bad antenna."""
    now = step_of(boot_clock())
    for step in range(int(KEPT_SECONDS / STEP_SECONDS) - 1, 0, -1):
        hours_ago = step * STEP_SECONDS / 3600
        at = now - step * STEP_SECONDS
        if 15 < hours_ago < 16.5:
            continue
        if 6.9 < hours_ago < 7.1:
            yield Point(at, None, None, failed=True)
        else:
            rented = round(8 * max(0.0, 1 - abs(hours_ago - 9) / 7)) + (12 if 19 < hours_ago < 20 else 0)
            yield Point(at, 40 - rented - (step % 17 == 0), 51, failed=False)


if __name__ == "__main__":
    main()

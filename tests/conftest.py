from __future__ import annotations

import signal
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import needs
import pytest
from disks import small_disk
from hand_census import HandCensus
from lines import descriptors, join_port_threads, port_threads
from servers import gunicorn

from onlinesim_rent.application import create_app
from onlinesim_rent.descriptors import allow_descriptors
from onlinesim_rent.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from servers import Server


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(needs)
    # A shell makes background jobs ignore Ctrl-C, and the processes that tests start would inherit this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Some tests take a census of 512 ports in their own process.
    allow_descriptors()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_env(
        {"RENT_API_KEY": "secret-key", "RENT_PORTS": "/dev/ttyUSB*", "RENT_RUNTIME_DIR": str(tmp_path)}
    )


@pytest.fixture
def every_route(settings: Settings) -> Settings:
    """The settings with every route on. Nothing listens on the endpoint's port."""
    return replace(settings, services_url="http://127.0.0.1:1/", status_page=True)


@pytest.fixture
def census() -> HandCensus:
    return HandCensus()


@pytest.fixture
def app(settings: Settings, census: HandCensus) -> Flask:
    return create_app(settings, census)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def nothing_is_left_behind() -> Iterator[None]:
    """Check that the test's censuses leave no descriptor and no thread open. Others may close theirs."""
    before = descriptors()
    yield
    join_port_threads()
    assert port_threads() == []
    assert descriptors() <= before


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as directory:
        yield directory


@pytest.fixture
def start_gunicorn() -> Iterator[Callable[..., Server]]:
    """Starts gunicorn with an application and the given variables, and returns once it listens.

    It has one worker unless WEB_CONCURRENCY is given. If that is empty, gunicorn.conf.py decides.
    """
    with ExitStack() as servers:

        def start(app: str = "hand_wsgi:app", **variables: str) -> Server:
            wanted = {
                "RENT_API_KEY": "secret-key",
                "RENT_PORTS": "/dev/ttyUSB*",
                "WEB_CONCURRENCY": "1",
            } | variables
            given = {name: value for name, value in wanted.items() if value}
            return servers.enter_context(gunicorn(app, **given))

        yield start

"""A pytest plugin: ``@pytest.mark.needs("nginx", "root")`` names the programs and rights that a test needs.

If one is missing, the test is skipped. The last lines of the run say how many tests were skipped and how to
run them. If CI is set, as in ``.ci/run``, the test fails instead.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

PACKAGES = {
    "chromedriver": "chromium-driver",
    "chromium": "chromium",
    "cu": "cu",
    "curl": "curl",
    "gammu": "gammu",
    "gammu-smsd": "gammu-smsd",
    "minicom": "minicom",
    "ip": "iproute2",
    "mount": "mount",
    "nft": "nftables",
    "nginx": "nginx-light",
    "openssl": "openssl",
    "php": "php-cli",
    "picocom": "picocom",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "redis-server": "redis-server",
    "screen": "screen",
    "ser2net": "ser2net",
    "setpriv": "util-linux",
    "shellcheck": "shellcheck",
    "smsd": "smstools",
    "socat": "socat",
    "systemd-analyze": "systemd",
    "systemd-sysusers": "systemd",
    "umockdev-run": "umockdev",
    "unshare": "util-linux",
}
"""The Debian package of each program."""

# Debian keeps some programs where an ordinary user's PATH does not look.
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


AXE = Path(__file__).parents[2] / ".venv/node_modules/axe-core/axe.min.js"
"""The accessibility checker. The Makefile installs it with npm."""


class Right(NamedTuple):
    """What a test may need beside Debian's programs, and how to get it."""

    is_given: Callable[[], bool]
    advice: str


def _may_make_namespaces() -> bool:
    command = ["unshare", "--mount", "--pid", "--time", "--fork", "true"]
    try:
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _may_filter_packets() -> bool:
    command = ["unshare", "--net", "--mount", "nft", "add table inet test"]
    try:
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return False


RIGHTS = {
    "root": Right(lambda: os.geteuid() == 0, "run the tests as root"),
    "namespaces": Right(_may_make_namespaces, "run the tests as root, outside a container"),
    "axe-core": Right(AXE.is_file, "install npm, then: rm .venv/axe; make test"),
    "own networks": Right(_may_filter_packets, "run the tests as root, outside a container"),
    "/run/lock": Right(lambda: os.access("/run/lock", os.W_OK), "run the tests as root"),
}

SAID = "not on this machine: "


def require(*names: str) -> None:
    """Skip the running test if a program or right is missing; fail it if CI is set."""
    missing = [name for name in names if _is_missing(name)]
    if missing and "CI" in os.environ:
        pytest.fail(SAID + ", ".join(missing), pytrace=False)
    if missing:
        pytest.skip(SAID + ", ".join(missing))


@cache
def _is_missing(name: str) -> bool:
    if name in RIGHTS:
        return not RIGHTS[name].is_given()
    if name not in PACKAGES:
        raise ValueError(f"add the Debian package of {name!r} to PACKAGES in needs.py")
    return shutil.which(name, path=PATH) is None


# The hooks that pytest calls


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*names): programs and rights of needs.py that the test needs")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    require(*(name for mark in item.iter_markers("needs") for name in mark.args))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Runs last. With pytest-xdist, it runs in the process that collects all reports."""
    yield
    reports = terminalreporter.getreports("skipped")
    for line in summary([_reason(report) for report in reports]):
        terminalreporter.write_line(line, yellow=True)


def _reason(report: pytest.TestReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


def summary(reasons: list[str]) -> Iterator[str]:
    """Return the last lines of the run, from the reasons of the skipped tests."""
    lists = [found[1] for reason in reasons if (found := re.search(f"{SAID}(.*)", reason))]
    missing = Counter(name for names in lists for name in names.split(", "))
    for name, tests in missing.most_common():
        advice = f": {RIGHTS[name].advice}" if name in RIGHTS else ""
        yield f"{tests} tests were skipped because they need {name}{advice}"
    if packages := sorted({PACKAGES[name] for name in missing if name in PACKAGES}):
        yield f"To run those that need a program: sudo apt-get install {' '.join(packages)}"

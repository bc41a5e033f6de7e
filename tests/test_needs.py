"""A test that needs what is not here is skipped and told of, and fails where CI is set."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import needs
import pytest
from servers import PATIENCE_SECONDS, environment

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
import pytest

@pytest.mark.needs("curl", "nginx", "root")
@pytest.mark.parametrize("number", range(3))
def test_with_programs(number):
    pass

@pytest.mark.needs("nginx")
def test_with_nginx():
    pass

def test_with_nothing():
    pass
"""
CONFTEST = """
import needs
needs.PATH = "/nowhere"
needs.RIGHTS["root"] = needs.Right(lambda: False, "be root")
"""


def run(directory: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    (directory / "conftest.py").write_text(CONFTEST)
    (directory / "test_example.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "needs", "-p", "no:cacheprovider", "-ra", *options]
    return subprocess.run(
        [*command, f"--rootdir={directory}", str(directory)],
        cwd=directory,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("processes", ["0", "2"])
def test_the_last_lines_tell_what_was_skipped_and_how_to_run_it(tmp_path: Path, processes: str):
    done = run(tmp_path, "--numprocesses", processes)

    assert done.returncode == 0, done.stdout
    *_, first, second, third, install, end = done.stdout.splitlines()
    assert (first, second, third, install) == (
        "4 tests were skipped because they need nginx",
        "3 tests were skipped because they need curl",
        "3 tests were skipped because they need root: be root",
        "To run those that need a program: sudo apt-get install curl nginx-light",
    )
    assert "1 passed, 4 skipped" in end


def test_where_ci_is_set_nothing_is_skipped(tmp_path: Path):
    done = run(tmp_path, CI="true")

    assert done.returncode == 1
    assert "not on this machine: curl, nginx, root" in done.stdout
    assert "1 passed, 4 errors" in done.stdout or "4 failed, 1 passed" in done.stdout
    assert "skipped" not in done.stdout


def test_a_program_without_a_package_is_a_mistake():
    with pytest.raises(ValueError, match="add the Debian package of 'nosuch'"):
        needs.require("nosuch")


def test_nothing_is_reported_if_no_program_is_missing():
    assert list(needs.summary([])) == []

"""What .ci/run changes on a machine, in a /usr/sbin of the test's own."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import needs
import pytest
from disks import behind_mount
from servers import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

RUN = PROJECT / ".ci" / "run"
POLICY = "/usr/sbin/policy-rc.d"
FORBIDS = "#!/bin/sh\nexit 101\n"
OURS = "#!/bin/sh\n# ours\nexit 0\n"


def write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("before", [OURS, None])
@pytest.mark.parametrize("status", [0, 100])
def test_no_daemon_starts_and_a_policy_stays_as_it_was(tmp_path: Path, before: str | None, status: int):
    meanwhile, after = tmp_path / "meanwhile", tmp_path / "after"
    write_program(tmp_path / "dpkg", "exit 1")
    write_program(tmp_path / "apt-get", f"cat {POLICY} >{meanwhile} && exit {status}")
    write_program(tmp_path / "make", "exit 0")
    (tmp_path / "before").write_text(before or "")
    put = f"cp {tmp_path}/before {POLICY} && chmod 751 {POLICY}" if before else "true"
    script = f"{put}; {RUN}; status=$?; cp -a /usr/sbin {after}; exit $status"

    done = subprocess.run(
        behind_mount("-t tmpfs none /usr/sbin", ["sh", "-c", script]),
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == status, done.stderr
    assert meanwhile.read_text() == FORBIDS
    left = {path.name: (path.read_text(), path.stat().st_mode & 0o777) for path in after.iterdir()}
    assert left == ({"policy-rc.d": (OURS, 0o751)} if before else {})


def test_every_package_that_a_test_may_need_is_installed():
    [packages] = re.findall(r"^packages=\((.*)\)$", RUN.read_text(), re.MULTILINE)
    assert set(needs.PACKAGES.values()) <= set(packages.split())

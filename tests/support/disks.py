"""Disks and mounts for one test."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from needs import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """A disk of 64 KiB, mounted on a new directory."""
    require("root", "mount", "namespaces")
    directory.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64k,mode=0700"]
    subprocess.run(["mount", *options, "none", directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def behind_mount(options: str, command: list[str]) -> list[str]:
    """Wrap a command: it runs in a mount namespace in which `mount` was run with the options."""
    return _apart(["--mount", "sh", "-c", f'mount {options} && exec "$@"', "sh"], command)


def after_sleep(seconds: int, command: list[str]) -> list[str]:
    """Wrap a command: to it, the host has slept so many seconds more (time_namespaces(7))."""
    return _apart(["--time", "--fork", "--boottime", str(seconds)], command)


def _apart(options: list[str], command: list[str]) -> list[str]:
    require("unshare", "namespaces")
    return ["unshare", *options, *command]


def fill(disk: Path, left: int) -> Path:
    """Fill a disk, except for so many bytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(filler, filler.stat().st_size - left)
    return filler

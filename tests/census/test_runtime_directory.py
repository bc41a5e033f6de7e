from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.finding import CensusError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runtime"


@pytest.fixture
def directory(path):
    return RuntimeDirectory(path)


USES = {
    "read": lambda directory: directory.read("file"),
    "replace": lambda directory: directory.replace("file", b"ours"),
    "remove": lambda directory: directory.remove("file"),
    "descriptor": lambda directory: directory.descriptor("file"),
}


def test_a_file_is_read_as_it_was_written(directory):
    directory.replace("file", b"first")
    directory.replace("file", b"second")
    assert directory.read("file") == b"second"


def test_a_missing_file_gives_none(directory):
    assert directory.read("file") is None
    directory.remove("file")


def test_a_removed_file_is_gone(directory, path):
    directory.replace("file", b"ours")
    directory.remove("file")
    assert list(path.iterdir()) == []


def test_directory_and_files_are_for_this_user_alone(directory, path):
    directory.replace("file", b"ours")
    os.close(directory.descriptor("lock"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()} == {
        "file": 0o600,
        "lock": 0o600,
    }


def test_a_directory_in_a_missing_one_makes_both_for_this_user(directory, path):
    umask = os.umask(0)
    try:
        RuntimeDirectory(path / "fleet").replace("file", b"ours")
    finally:
        os.umask(umask)
    directory.replace("file", b"ours")
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_descriptor_keeps_what_is_in_the_file(directory):
    directory.replace("file", b"kept")
    with open(directory.descriptor("file"), "rb") as file:
        assert file.read() == b"kept"


def test_a_deleted_directory_is_made_again(directory, path):
    directory.replace("file", b"first")
    shutil.rmtree(path)
    directory.replace("file", b"second")
    assert directory.read("file") == b"second"


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_symbolic_link_is_refused_and_not_followed(tmp_path, path, directory, use):
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    (target / "file").write_bytes(b"forged")
    path.symlink_to(target)
    with pytest.raises(CensusError, match=r"RENT_RUNTIME_DIR .* symbolic link"):
        use(directory)
    assert {file.name: file.read_bytes() for file in target.iterdir()} == {"file": b"forged"}


def test_a_link_among_the_parents_is_followed(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "var-run").symlink_to("run")
    RuntimeDirectory(tmp_path / "var-run" / "runtime").replace("file", b"ours")
    assert (tmp_path / "run" / "runtime" / "file").read_bytes() == b"ours"


def test_a_link_in_place_of_a_file_is_not_followed(directory, path, tmp_path):
    directory.replace("file", b"ours")
    (tmp_path / "elsewhere").write_bytes(b"forged")
    (path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CensusError, match="RENT_RUNTIME_DIR"):
        directory.read("link")
    directory.replace("link", b"ours")
    assert (tmp_path / "elsewhere").read_bytes() == b"forged"


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o720, 0o777, 0o1777])
def test_a_directory_that_others_can_write_to_is_refused(directory, path, use, mode):
    path.mkdir()
    path.chmod(mode)
    with pytest.raises(CensusError, match=r"RENT_RUNTIME_DIR .* 0700"):
        use(directory)
    assert list(path.iterdir()) == []


@pytest.mark.needs("root")
def test_a_directory_of_another_user_is_refused(directory, path):
    path.mkdir(mode=0o700)
    os.chown(path, 65534, 65534)
    with pytest.raises(CensusError, match=r"RENT_RUNTIME_DIR .* belong to the service's user"):
        directory.replace("file", b"ours")
    assert list(path.iterdir()) == []


def test_a_directory_that_cannot_be_made_names_its_setting(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CensusError, match=r"RENT_RUNTIME_DIR .*Not a directory"):
        RuntimeDirectory(tmp_path / "file" / "runtime").read("file")


@pytest.mark.parametrize("use", [*USES.values(), RuntimeDirectory.is_in_memory])
def test_a_name_that_is_too_long_names_its_setting(tmp_path, use):
    with pytest.raises(CensusError, match=r"RENT_RUNTIME_DIR .* cannot be used: File name too long"):
        use(RuntimeDirectory(tmp_path / ("x" * 300)))


def test_a_failed_write_leaves_no_file(disk):
    path = disk / "runtime"
    directory = RuntimeDirectory(path)
    directory.replace("file", b"old")
    with pytest.raises(CensusError, match="No space left on device"):
        directory.replace("file", bytes(1024 * 1024))
    assert directory.read("file") == b"old"
    assert [file.name for file in path.iterdir()] == ["file"]


def test_no_use_leaves_a_descriptor_open(directory):
    before = os.listdir("/proc/self/fd")
    directory.replace("file", b"ours")
    directory.read("file")
    directory.read("none")
    directory.remove("file")
    os.close(directory.descriptor("lock"))
    assert os.listdir("/proc/self/fd") == before


def test_a_directory_in_memory_is_told_from_one_on_a_disk(disk):
    assert RuntimeDirectory(disk / "runtime").is_in_memory()
    assert not (disk / "runtime").exists()
    assert not RuntimeDirectory(Path("/proc/none")).is_in_memory()

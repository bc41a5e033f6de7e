"""The command line, run as people run it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from commands import ONLINESIM_RENT, run
from disks import behind_mount
from helpers import with_capabilities
from marketplace import PUBLISHED_ANSWER
from servers import PATIENCE_SECONDS, PROJECT, Lines, environment
from terminals import on_a_terminal

from modem_simulator import SimulatedBank, SimulatedModule, live_bank
from onlinesim_rent.census.attention import ADVICE
from onlinesim_rent.console.exit_status import INTERRUPTED, NOTHING_AVAILABLE
from onlinesim_rent.finding import Verdict

MODULES = [*live_bank(2, 0.0), SimulatedModule("869731054051594", "250990000000009", fault="sim_pin")]


@pytest.fixture
def settings_of(tmp_path):
    def variables(bank: SimulatedBank) -> dict[str, str]:
        return {
            "RENT_API_KEY": "secret-key",
            "RENT_PORTS": bank.ports,
            "RENT_RUNTIME_DIR": f"{tmp_path}/runtime",
        }

    return variables


def test_census_prints_every_port_what_to_do_and_the_sum(settings_of):
    with SimulatedBank(MODULES) as bank:
        printed = run("census", **settings_of(bank))
        port = bank.port("modem002")
    assert printed.returncode == 0
    heading, first, *rows = printed.stdout.splitlines()
    assert heading.split() == ["PORT", "COUNTRY", "OPERATOR", "VERDICT", "REASON", "SECONDS"]
    assert re.fullmatch(rf"{port} +SIM not ready +its SIM is not ready: SIM PIN +\d\.\d\d", first)
    assert [row.split()[3] for row in rows[:2]] == ["available", "available"]
    assert rows[2:6] == [
        "",
        "1 SIM not ready: its SIM is not ready: SIM PIN",
        f"  {ADVICE[Verdict.SIM_NOT_READY]}",
        "",
    ]
    assert rows[6].startswith("2 of 3 ports are available numbers; asked in ")


def test_census_without_an_available_number_ends_with_status_3(settings_of):
    with SimulatedBank(MODULES[2:]) as bank:
        printed = run("census", **settings_of(bank))
    assert printed.returncode == NOTHING_AVAILABLE


def test_a_terminal_shows_progress_and_folds_but_cuts_nothing(settings_of):
    with SimulatedBank(MODULES) as bank:
        port = bank.port("modem002")
        status, shown = on_a_terminal("census", columns=60, **settings_of(bank))
    assert status == 0
    assert "Asking the ports" in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert port in plain
    assert "SIM not ready" in " ".join(plain.split())
    assert "\x1b[32m" in shown


def test_no_color_is_obeyed(settings_of):
    with SimulatedBank(MODULES) as bank:
        _, shown = on_a_terminal("census", **settings_of(bank) | {"NO_COLOR": "1"})
    assert "\x1b[32m" not in shown


def test_a_locale_without_our_letters_ends_no_command(settings_of):
    with SimulatedBank(MODULES) as bank:
        printed = run("census", **settings_of(bank) | {"PYTHONIOENCODING": "ascii"})
    assert printed.returncode == 0
    assert printed.stdout.isascii()


@contextmanager
def watched(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*ONLINESIM_RENT, "census", "--watch=1", *arguments],
        env=environment(**variables | {"RENT_CACHE_SECONDS": "0"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_watch_takes_one_census_after_another_until_ctrl_c(settings_of):
    with SimulatedBank(live_bank(1, 0.0)) as bank, watched(**settings_of(bank)) as process:
        seen = [line for line in islice(process.stdout, 8) if "1 of 1 ports are available" in line]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert len(seen) > 1
    assert (process.returncode, errors.splitlines()[-1]) == (INTERRUPTED, "Interrupted.")


def test_a_watch_goes_on_after_a_census_that_failed(settings_of, tmp_path):
    """And each census is one line of JSON."""
    runtime = tmp_path / "runtime"
    with SimulatedBank(live_bank(1, 0.0)) as bank, watched("--json", **settings_of(bank)) as process:
        assert json.loads(process.stdout.readline())[0]["verdict"] == "available"
        runtime.chmod(0o777)
        errors = (line for line in process.stderr if "mode 0700" in line)
        assert next(errors).startswith("Error: RENT_RUNTIME_DIR")
        runtime.chmod(0o700)
        assert json.loads(process.stdout.readline())[0]["verdict"] == "available"


def test_a_watch_of_one_port_goes_on_when_its_device_is_gone_for_a_while(settings_of, tmp_path):
    with SimulatedBank(live_bank(1, 0.0)) as bank:
        port = tmp_path / "port"
        port.symlink_to(bank.port("modem000"))
        given = settings_of(bank) | {"RENT_PORTS": f"{tmp_path}/por*"}
        with watched("--json", str(port), **given) as process:
            assert json.loads(process.stdout.readline())[0]["verdict"] == "available"
            port.rename(tmp_path / "gone")
            errors = (line for line in process.stderr if "Error: " in line)
            assert next(errors).startswith(f"Error: RENT_PORTS finds no port of this name: {port}; ")
            (tmp_path / "gone").rename(port)
            assert json.loads(process.stdout.readline())[0]["verdict"] == "available"


@pytest.mark.parametrize("command", ["census", "claims"])
def test_a_command_that_answers_no_request_needs_no_key(settings_of, tmp_path, command):
    claims = tmp_path / "claims"
    claims.mkdir()
    with SimulatedBank(live_bank(1, 0.0)) as bank:
        given = settings_of(bank) | {"RENT_API_KEY": "", "RENT_CLAIMS_DIR": str(claims)}
        done = run(command, **given)
    assert done.returncode == 0, done.stderr


def test_a_front_without_ports_asks_the_hosts(tmp_path):
    fleet = {"RENT_REDIS_URL": "redis://127.0.0.1:1", "RENT_FLEET_SECRET": "s" * 32}
    refused = run("census", RENT_RUNTIME_DIR=f"{tmp_path}/runtime", **fleet)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Ports found: 0. Asking the hosts ...\nError: RENT_REDIS_URL: ")


def test_the_pause_of_a_watch_may_be_left_out(settings_of):
    assert run("census", "--watch", "--json", RENT_PORTS="ttyUSB0").returncode == 1
    assert run("census", "--watch", "0.1", RENT_PORTS="ttyUSB0").returncode == 2


def test_census_prints_the_ports_that_are_named_only(settings_of):
    with SimulatedBank(MODULES) as bank:
        printed = run("census", "--json", bank.port("modem002"), **settings_of(bank))
        port = bank.port("modem002")
    assert [(row["port"], row["verdict"]) for row in json.loads(printed.stdout)] == [(port, "SIM not ready")]


def test_census_refuses_a_port_name_that_the_settings_do_not_list(settings_of):
    with SimulatedBank(MODULES) as bank:
        refused = run("census", "/dev/ttyUSB99", **settings_of(bank))
    assert refused.returncode != 0
    assert "/dev/ttyUSB99" in refused.stderr
    assert "RENT_PORTS" in refused.stderr


def test_census_shares_the_services_census(settings_of):
    with SimulatedBank(MODULES) as bank:
        for _ in range(2):
            assert run("census", RENT_CACHE_SECONDS="60", **settings_of(bank)).returncode == 0
        assert bank.stats()["totals"]["dialogues"] == 3


def test_census_tells_no_imei_and_no_imsi(settings_of):
    with SimulatedBank(MODULES) as bank:
        printed = run("census", "--json", **settings_of(bank)).stdout
    assert not any(identity in printed for module in MODULES for identity in (module.imei, module.imsi))


@pytest.mark.parametrize("command", ["census", "config"])
def test_wrong_settings_are_one_message_that_names_them_all(command):
    refused = run(command, RENT_API_KEY_FILE="/nowhere", RENT_PORTS="ttyUSB0", RENT_BAUD_RATE="fast")
    assert refused.returncode == 1
    for name in ("RENT_API_KEY_FILE", "RENT_PORTS", "RENT_BAUD_RATE"):
        assert name in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_wrong_names_file_is_told_by_config(tmp_path):
    names = tmp_path / "names.toml"
    names.write_text('[countries]\nRU = ""\n')
    refused = run("config", RENT_API_KEY="k", RENT_PORTS="/dev/ttyUSB*", RENT_NAMES_FILE=str(names))
    assert refused.returncode == 1
    assert str(names) in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(("command", "status"), [("census", NOTHING_AVAILABLE), ("config", 0)])
def test_a_glob_that_finds_no_port_is_reported(command, status, tmp_path):
    told = run(
        command, RENT_API_KEY="k", RENT_PORTS=f"{tmp_path}/tty*", RENT_RUNTIME_DIR=f"{tmp_path}/runtime"
    )
    assert told.returncode == status
    assert f"RENT_PORTS ({tmp_path}/tty*) finds no port" in told.stderr


@pytest.mark.needs("root", "setpriv")
@pytest.mark.parametrize("command", ["census", "config"])
def test_note_24_who_cannot_see_every_holder_is_told_so(command, settings_of):
    unseen = "cannot see whether another user's program holds a port"
    ordinary = [*with_capabilities(user=0), *ONLINESIM_RENT]
    with SimulatedBank(MODULES[:1]) as bank:
        assert unseen not in run(command, **settings_of(bank)).stderr
        told = run(command, command=ordinary, **settings_of(bank))
    assert told.returncode == 0
    assert told.stderr.count(unseen) == 1


def test_config_names_an_unknown_variable(settings_of):
    with SimulatedBank(MODULES) as bank:
        checked = run("config", RENT_CACHE_SECOND="60", **settings_of(bank))
    assert checked.returncode == 0
    assert checked.stderr.startswith(
        "RENT_CACHE_SECOND is not a setting of this release and is ignored; "
        "the nearest setting is RENT_CACHE_SECONDS\n"
    )


def test_config_says_how_many_ports_the_settings_find(settings_of):
    with SimulatedBank(MODULES) as bank:
        printed = run("config", **settings_of(bank))
    assert printed.returncode == 0
    assert printed.stdout.splitlines()[-1] == "The settings are right. Ports found now: 3."


@pytest.mark.parametrize(("place", "is_told"), [("/proc/none", True), ("/dev/shm/none", False)])
def test_config_warns_of_a_runtime_directory_on_a_disk(place, is_told):
    checked = run("config", RENT_API_KEY="k", RENT_PORTS="/dev/ttyUSB*", RENT_RUNTIME_DIR=place)
    assert checked.returncode == 0
    assert (f"RENT_RUNTIME_DIR ({place}) is not in memory" in checked.stderr) == is_told
    assert not Path(place).exists()


def test_a_hidden_boot_number_is_an_error_before_any_port_is_asked(settings_of):
    """As in a systemd unit with ProcSubset=pid."""
    with SimulatedBank(MODULES) as bank:
        told = subprocess.run(
            behind_mount("-t proc -o subset=pid proc /proc", [*ONLINESIM_RENT, "census"]),
            env=environment(**settings_of(bank)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert bank.stats()["totals"]["dialogues"] == 0
    assert told.returncode == 1
    assert "boot_id cannot be read" in told.stderr
    assert "ProcSubset=all" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("command", ["census", "config"])
def test_output_to_a_full_disk_is_a_plain_error(command, settings_of):
    with SimulatedBank(MODULES) as bank, open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*ONLINESIM_RENT, command],
            env=environment(**settings_of(bank)),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "Error: the output cannot be written: No space left on device"
    assert "Traceback" not in ended.stderr


@contextmanager
def census_in_mid_dialogue(variables: dict[str, str], bank: SimulatedBank) -> Iterator[subprocess.Popen[str]]:
    """A census of the command line's, once it has asked a module something.

    Its process group is its own, but its session is ours: the kernel stops no orphaned group (POSIX).
    """
    process = subprocess.Popen(
        [*ONLINESIM_RENT, "census"],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        ends = time.monotonic() + PATIENCE_SECONDS
        while not any(port["commands"] for port in bank.stats()["ports"].values()):
            assert time.monotonic() < ends
        yield process
    finally:
        process.kill()
        process.communicate()


SLOW = [replace(module, latency=0.3) for module in live_bank(2, 0.0)]


@pytest.mark.parametrize("stop", [signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU])
def test_a_census_that_is_stopped_ends_first_and_keeps_nobody_waiting(settings_of, stop):
    with SimulatedBank(SLOW) as bank:
        variables = settings_of(bank) | {"RENT_CACHE_SECONDS": "0"}
        with census_in_mid_dialogue(variables, bank) as stopped:
            stopped.send_signal(stop)
            os.waitid(os.P_PID, stopped.pid, os.WSTOPPED)
            another = run("census", **variables)
            stopped.send_signal(signal.SIGCONT)
            printed, _ = stopped.communicate(timeout=PATIENCE_SECONDS)
    for summary in (another.stdout.splitlines()[-1], printed.splitlines()[-1]):
        assert summary.startswith("2 of 2 ports are available numbers; asked in ")
    assert stopped.returncode == 0


def test_ctrl_c_ends_a_census_without_a_traceback(settings_of):
    with SimulatedBank(SLOW) as bank, census_in_mid_dialogue(settings_of(bank), bank) as process:
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, printed) == (INTERRUPTED, "")
    assert errors.splitlines()[-1] == "Interrupted."
    assert "Traceback" not in errors


@contextmanager
def make_run(**variables: str) -> Iterator[tuple[subprocess.Popen[str], Lines]]:
    """What `make run` starts, in the terminal session of its own that a person would have."""
    gunicorn = str(Path(sys.executable).with_name("gunicorn"))
    process = subprocess.Popen(
        [*ONLINESIM_RENT, "simulate", gunicorn, "wsgi:app"],
        cwd=PROJECT,
        env=environment(**({"WEB_CONCURRENCY": "1"} | variables)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    lines = Lines(process.stdout)
    try:
        yield process, lines
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)
        lines.close()


def the_status_page(socket: Path) -> str:
    login = ["--user", "anybody:demonstration-key"]
    command = ["curl", "--silent", *login, "--unix-socket", str(socket), "http://localhost/status"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.needs("curl")
def test_the_printed_curl_works_as_pasted_and_ctrl_c_ends_everything(tmp_path):
    of_the_real_service = {
        "RENT_API_KEY_FILE": "/nowhere",
        "RENT_PORTS": "/dev/ttyUSB*",
        "RENT_RUNTIME_DIR": "/nowhere",
    }
    with make_run(RENT_BIND=f"unix:{tmp_path}/socket", TMPDIR=str(tmp_path), **of_the_real_service) as (
        process,
        lines,
    ):
        curl = shlex.split(lines.until("curl .*")[0])
        answered = subprocess.run([*curl, "--silent"], capture_output=True, text=True, check=True)
        shown = the_status_page(tmp_path / "socket")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0
        printed = lines.close()
    head, _, body = answered.stdout.replace("\r", "").partition("\n\n")
    assert "Content-Type: application/json; charset=utf-8" in head.splitlines()
    assert json.loads(body) == PUBLISHED_ANSWER
    assert "40 of 50 available" in shown
    assert "SIMULATED" in printed
    assert "Traceback" not in printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_the_demonstration_alone_ends_its_server_too(tmp_path, end):
    with make_run(RENT_BIND=f"unix:{tmp_path}/socket", TMPDIR=str(tmp_path)) as (process, lines):
        lines.until("curl .*")
        process.send_signal(end)
        assert process.wait(PATIENCE_SECONDS) == 0
        assert "Shutting down: Master" in lines.close()
    assert list(tmp_path.iterdir()) == []


def test_a_long_temporary_directory_is_as_good_as_any(tmp_path):
    long = tmp_path / ("x" * 120)
    long.mkdir()
    with make_run(RENT_BIND="127.0.0.1:0", TMPDIR=str(long)) as (process, lines):
        lines.until("curl .*")
        lines.until("open http://127.0.0.1:0/status, with any name")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
        assert "Traceback" not in lines.close()


def test_simulate_ends_with_the_status_of_a_server_that_cannot_start(tmp_path):
    with make_run(RENT_LOG_LEVEL="loud", TMPDIR=str(tmp_path)) as (process, lines):
        assert process.wait(PATIENCE_SECONDS) != 0
        assert "curl" not in lines.close()


@pytest.mark.parametrize(("command", "status"), [("nosuch", 127), ("/", 126)])
def test_simulate_ends_as_a_shell_does_if_its_command_cannot_run(command, status):
    ended = run("simulate", command)
    assert ended.returncode == status
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"{command}: ")

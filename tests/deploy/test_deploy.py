"""The files of deploy/, checked by the programs that read them on a server."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from commands import run as command_line
from proxies import DEPLOY
from servers import PATIENCE_SECONDS, PROJECT, command, environment

from onlinesim_rent.modem.ports.helper.asking import SOCKET
from onlinesim_rent.settings import Settings

SERVICE = DEPLOY / "onlinesim-rent.service"
HELPER = DEPLOY / "onlinesim-rent-holders.service"
PUBLISHER = DEPLOY / "onlinesim-rent-publish.service"
UNITS = [
    f"onlinesim-rent{part}"
    for part in (".service", ".socket", "-holders.service", "-holders.socket", "-publish.service")
]
SCRIPTS = [DEPLOY / "install", DEPLOY / "onlinesim-rent"]


def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, arguments)),
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]} | variables,
        timeout=PATIENCE_SECONDS,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory that holds only what deploy/install puts there."""
    installed = run(DEPLOY / "install", DESTDIR=str(tmp_path))
    assert installed.returncode == 0, installed.stderr
    return tmp_path


def files(root: Path) -> dict[str, tuple[int, bytes]]:
    """Each file's mode and content by its path."""
    found = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): (path.stat().st_mode & 0o7777, path.read_bytes()) for path in found}


def settings_of(unit: Path) -> dict[str, list[str]]:
    """A unit's settings, each with all its values. configparser does not keep repeated settings."""
    settings: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        settings.setdefault(name, []).append(value)
    return settings


def test_install_puts_all_files_in_place_and_protects_secrets(root):
    modes = {path: mode for path, (mode, _) in files(root).items()}
    assert modes == {
        "etc/nginx/sites-available/onlinesim-rent": 0o644,
        "etc/onlinesim-rent/api-key": 0o600,
        "etc/onlinesim-rent/environment": 0o640,
        "etc/onlinesim-rent/environment.example": 0o640,
        "etc/systemd/system/onlinesim-rent-holders.service": 0o644,
        "etc/systemd/system/onlinesim-rent-holders.socket": 0o644,
        "etc/systemd/system/onlinesim-rent-publish.service": 0o644,
        "etc/systemd/system/onlinesim-rent.service": 0o644,
        "etc/systemd/system/onlinesim-rent.socket": 0o644,
        "etc/sysusers.d/onlinesim-rent.conf": 0o644,
        "etc/udev/rules.d/79-onlinesim-rent.rules": 0o644,
        "opt/onlinesim-rent/gunicorn.conf.py": 0o644,
        "opt/onlinesim-rent/wsgi.py": 0o644,
        "usr/local/sbin/onlinesim-rent": 0o755,
    }
    assert (root / "etc/onlinesim-rent").stat().st_mode & 0o7777 == 0o750


def test_install_again_changes_nothing(root):
    before = files(root)
    again = run(DEPLOY / "install", DESTDIR=str(root))
    assert again.returncode == 0
    assert "installed" not in again.stdout
    assert files(root) == before


def test_an_update_keeps_settings_and_keys_and_what_it_replaces(root):
    etc = root / "etc/onlinesim-rent"
    (etc / "api-key").write_text("secret-key\n")
    (etc / "environment").write_text('RENT_PORTS="/dev/ttyACM*"\n')
    site = root / "etc/nginx/sites-available/onlinesim-rent"
    site.write_text("changed\n")

    updated = run(DEPLOY / "install", DESTDIR=str(root))

    assert updated.returncode == 0
    assert (etc / "api-key").read_text() == "secret-key\n"
    assert (etc / "environment").read_text() == 'RENT_PORTS="/dev/ttyACM*"\n'
    assert site.read_bytes() == (DEPLOY / "onlinesim-rent.nginx").read_bytes()
    assert site.with_name("onlinesim-rent.old").read_text() == "changed\n"
    assert "secret" not in updated.stdout + updated.stderr


def test_install_says_what_to_do_next(root):
    said = run(DEPLOY / "install", DESTDIR=str(root)).stdout
    for step in (
        "only the files",
        "api-key",
        "tls/fullchain.pem",
        "sites-enabled",
        "systemctl enable --now",
        "nginx -t",
    ):
        assert step in said


def installed_command(
    root: Path, *arguments: str, publisher: int = 0, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the installed command on a host whose service does not run; the program prints its arguments.

    ``publisher`` is the process of onlinesim-rent-publish; 0 if it does not run either.
    """
    stubs = {
        root / "opt/onlinesim-rent/venv/bin/onlinesim-rent": 'echo "program: $*"',
        root / "bin/systemctl": f'case "$*" in *-publish.service) echo {publisher} ;; *) echo 0 ;; esac',
        # The service's user exists only where it is installed.
        root / "bin/setpriv": 'shift 5; exec "$@"',
    }
    for stub, prints in stubs.items():
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text(f"#!/bin/sh\n{prints}\n")
        stub.chmod(0o755)
    command = root / "usr/local/sbin/onlinesim-rent"
    command.write_text(command.read_text().replace("/opt/", f"{root}/opt/"))
    return run(command, *arguments, PATH=f"{root}/bin:{os.environ['PATH']}", **variables)


@pytest.mark.parametrize(
    "arguments", [["ports", "--ask"], ["simulate"], ["--help"], ["census", "--help"], []]
)
def test_a_command_that_needs_no_settings_runs_without_the_service(root, arguments):
    done = installed_command(root, *arguments)
    assert (done.returncode, done.stdout.split()) == (0, ["program:", *arguments])


def test_a_command_that_needs_the_settings_says_that_the_service_is_down(root):
    refused = installed_command(root, "census")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "The service is not running" in refused.stderr


def test_a_host_that_only_publishes_has_the_publishers_settings(root):
    done = installed_command(root, "census", publisher=os.getpid())
    assert (done.returncode, done.stdout.split()) == (0, ["program:", "census"])


def test_a_shell_completes_the_installed_command(root):
    done = installed_command(root, _ONLINESIM_RENT_COMPLETE="bash_complete")
    assert (done.returncode, done.stdout.split()) == (0, ["program:"])


@pytest.mark.needs("shellcheck")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_has_nothing_that_shellcheck_warns_of(script):
    checked = run("shellcheck", "--norc", script)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.needs("systemd-analyze")
def test_systemd_finds_no_fault_with_the_units(root):
    # Their programs, which the virtual environment and Debian bring.
    units = root / "etc/systemd/system"
    for program in {line.split()[0] for line in commands()}:
        stub = root / program.removeprefix("/")
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text("#!/bin/sh\n")
        stub.chmod(0o755)
    for unit in UNITS:
        text = (units / unit).read_text()
        (units / unit).write_text(text.replace("/opt/", f"{root}/opt/"))
    verified = run(
        *("systemd-analyze", "verify", "--man=no", "--recursive-errors=no"),
        *(units / unit for unit in UNITS),
    )
    assert (verified.returncode, verified.stderr) == (0, "")


def commands() -> list[str]:
    settings = settings_of(SERVICE)
    others = settings_of(HELPER)["ExecStart"] + settings_of(PUBLISHER)["ExecStart"]
    lines = settings["ExecStart"] + settings["ExecReload"] + others
    return [line for line in lines if line.startswith("/opt/")]


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize(
    ("unit", "tenths"),
    [(SERVICE, 15), (PUBLISHER, 15), (HELPER, 11)],
    ids=["service", "publisher", "helper"],
)
def test_a_unit_exposes_little(unit, tenths):
    threshold = f"--threshold={tenths}"
    judged = run("systemd-analyze", "security", "--offline=true", threshold, "--no-pager", unit)
    assert judged.returncode == 0, judged.stdout


def test_only_the_helper_has_capabilities_and_they_are_two():
    two = ["CAP_SYS_PTRACE CAP_DAC_READ_SEARCH"]
    for unit, given in ((SERVICE, [""]), (HELPER, two)):
        settings = settings_of(unit)
        assert settings["CapabilityBoundingSet"] == settings["AmbientCapabilities"] == given
    assert "DynamicUser" in settings_of(HELPER)


def test_the_publisher_is_confined_as_the_service_is():
    own = {
        *("Type", "ExecStart", "ExecReload", "KillMode", "LoadCredential", "Environment", "TimeoutStopSec"),
        *("Description", "After", "Requires", "WantedBy", "RestartPreventExitStatus"),
    }
    service, publisher = settings_of(SERVICE), settings_of(PUBLISHER)
    for name in (service.keys() | publisher.keys()) - own:
        assert publisher.get(name) == service[name], name


def test_only_the_service_s_user_may_ask_the_helper():
    socket = settings_of(DEPLOY / "onlinesim-rent-holders.socket")
    assert socket["ListenStream"] == [SOCKET]
    assert socket["SocketUser"] == settings_of(SERVICE)["User"]
    assert socket["SocketMode"] == ["0600"]
    assert "onlinesim-rent-holders.socket" in settings_of(SERVICE)["Requires"]


def test_the_unit_runs_what_is_installed(root):
    settings = settings_of(SERVICE)
    [directory] = settings["WorkingDirectory"]
    assert {"wsgi.py", "gunicorn.conf.py"} <= set(os.listdir(root / directory.removeprefix("/")))
    assert settings["EnvironmentFile"] == ["-/etc/onlinesim-rent/environment"]
    assert settings["LoadCredential"] == ["api-key:/etc/onlinesim-rent/api-key"]
    socket = settings_of(DEPLOY / "onlinesim-rent.socket")
    assert f"server unix:{socket['ListenStream'][0]} " in (DEPLOY / "onlinesim-rent.nginx").read_text()


def test_systemd_does_not_restart_after_wrong_settings():
    ended = subprocess.run(
        command("wsgi:app"),
        cwd=PROJECT,
        env=environment(RENT_BIND="127.0.0.1:0"),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    [never_restarted] = settings_of(SERVICE)["RestartPreventExitStatus"]
    # 4 is how a worker that cannot load the service ends it: test_gunicorn.py.
    assert {str(ended.returncode), "4"} <= set(never_restarted.split())


def test_systemd_restarts_the_publisher_after_every_error_but_wrong_settings():
    ended = command_line("publish")
    assert "the settings are wrong" in ended.stderr
    assert settings_of(PUBLISHER)["RestartPreventExitStatus"] == [str(ended.returncode)]
    # Python ends with this status after a traceback.
    assert ended.returncode != 1


def test_the_example_holds_every_setting_with_its_default():
    example = (DEPLOY / "environment.example").read_text()
    written = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE))
    sources = [*(PROJECT / "src/onlinesim_rent").rglob("*.py"), PROJECT / "gunicorn.conf.py"]
    known = {
        name for path in sources for name in re.findall(r"\b(?:RENT|WEB)_[A-Z_]+[A-Z]\b", path.read_text())
    }
    # The key has a file of its own.
    assert set(written) == known - {"RENT_API_KEY", "RENT_API_KEY_FILE"}

    required = {"RENT_API_KEY": "secret-key", "RENT_PORTS": "/dev/serial/by-path/*"}
    systemd = {"RUNTIME_DIRECTORY": "/run/onlinesim-rent"}
    shown = {name: "".join(shlex.split(value)) for name, value in written.items()}
    assert Settings.from_env(required | systemd | shown) == Settings.from_env(required | systemd)


def test_the_example_is_one_that_systemd_and_a_shell_read_alike():
    for line in (DEPLOY / "environment.example").read_text().splitlines():
        assert re.fullmatch(r'(#.*|[A-Z_]+="[^"$`\\]*"|[A-Z_]+=[\w./:-]*|)', line)


def test_note_11_udev_accepts_the_rule_against_modemmanager():
    rules = (DEPLOY / "79-onlinesim-rent.rules").read_text()
    pair = r'[A-Z]+(\{\w+\})?(==|!=|=|\+=)"[^"]*"'
    for line in rules.splitlines():
        assert re.fullmatch(rf"#.*|{pair}(, {pair})*", line)
    for kind in ("ttyUSB[0-9]*", "ttyACM[0-9]*"):
        [line] = [line for line in rules.splitlines() if kind in line]
        assert 'ENV{ID_MM_DEVICE_IGNORE}="1"' in line
        assert 'ENV{ID_MM_PORT_IGNORE}="1"' in line
    assert set(re.findall(r'GOTO="(\w+)"', rules)) == set(re.findall(r'LABEL="(\w+)"', rules))


@pytest.mark.needs("systemd-sysusers")
def test_the_service_s_user_may_use_serial_devices(root):
    made = run("systemd-sysusers", "--dry-run", f"--root={root}", root / "etc/sysusers.d/onlinesim-rent.conf")
    assert made.returncode == 0, made.stderr
    [user] = settings_of(SERVICE)["User"]
    sysusers = (DEPLOY / "onlinesim-rent.sysusers").read_text()
    assert re.search(rf"^u {user} ", sysusers, re.MULTILINE)
    assert re.search(rf"^m {user} dialout$", sysusers, re.MULTILINE)

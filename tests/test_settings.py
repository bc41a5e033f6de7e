from __future__ import annotations

import os
import re
import runpy
import shlex
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from disks import behind_mount
from servers import PROJECT, environment

from onlinesim_rent.application import live_census
from onlinesim_rent.configuration_error import ConfigurationError
from onlinesim_rent.settings import VARIABLES, Settings, api_keys, names_file
from onlinesim_rent.settings.environment import Variable

REQUIRED = {"RENT_API_KEY": "secret-key", "RENT_PORTS": "/dev/ttyUSB*"}


def from_env(**variables: str) -> Settings:
    return Settings.from_env(REQUIRED | variables)


def what_is_wrong(**variables: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        from_env(**variables)
    return str(caught.value)


def test_a_key_and_ports_are_enough() -> None:
    settings = from_env()

    assert settings == Settings(
        api_keys=("secret-key",),
        ports=("/dev/ttyUSB*",),
        authorization_required=True,
        cache_seconds=5,
        deadline_seconds=8,
        baud_rate=115200,
        names_file=None,
        claims_dir=None,
        taken_by_holders=True,
        services_url=None,
        status_page=False,
        metrics_ports=False,
        log_level="info",
        runtime_dir=Path("/dev/shm", f"onlinesim-rent-{os.getuid()}"),
    )


def test_the_process_environment_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)

    assert Settings.from_env().ports == ("/dev/ttyUSB*",)


def test_every_variable_can_be_set() -> None:
    settings = from_env(
        RENT_AUTHORIZATION="optional",
        RENT_CACHE_SECONDS="0",
        RENT_DEADLINE_SECONDS="9.5",
        RENT_BAUD_RATE="9600",
        RENT_NAMES_FILE="/etc/names.toml",
        RENT_RUNTIME_DIR="/run/elsewhere",
        RENT_CLAIMS_DIR="/var/lib/claims",
        RENT_TAKEN_BY="claims",
        RENT_STATUS_PAGE="1",
    )

    assert settings.authorization_required is False
    assert settings.cache_seconds == 0
    assert settings.deadline_seconds == 9.5
    assert settings.baud_rate == 9600
    assert settings.names_file == Path("/etc/names.toml")
    assert settings.claims_dir == Path("/var/lib/claims")
    assert settings.taken_by_holders is False
    assert settings.status_page is True
    assert settings.runtime_dir == Path("/run/elsewhere")


def test_empty_variables_count_as_not_set() -> None:
    optional = (
        "RENT_API_KEY_FILE",
        "RENT_AUTHORIZATION",
        "RENT_CACHE_SECONDS",
        "RENT_DEADLINE_SECONDS",
        "RENT_BAUD_RATE",
        "RENT_NAMES_FILE",
        "RENT_RUNTIME_DIR",
        "RENT_STATUS_PAGE",
        "RUNTIME_DIRECTORY",
        "XDG_RUNTIME_DIR",
        "WEB_CONCURRENCY",
    )

    assert from_env(**dict.fromkeys(optional, " ")) == from_env()


def test_one_message_names_every_wrong_variable() -> None:
    text = what_is_wrong(
        RENT_API_KEY="",
        RENT_PORTS="",
        RENT_AUTHORIZATION="maybe",
        RENT_CACHE_SECONDS="-1",
        RENT_DEADLINE_SECONDS="10",
        RENT_BAUD_RATE="fast",
        RENT_RUNTIME_DIR="here",
        WEB_CONCURRENCY="two",
    )

    for name in (
        "RENT_API_KEY and RENT_API_KEY_FILE:",
        "RENT_PORTS is not set",
        "RENT_AUTHORIZATION is 'maybe'",
        "RENT_CACHE_SECONDS is '-1'",
        "RENT_DEADLINE_SECONDS is '10'",
        "RENT_BAUD_RATE is 'fast'",
        "RENT_RUNTIME_DIR is 'here'",
        "WEB_CONCURRENCY is 'two'",
    ):
        assert name in text
    assert text.count("for example") == 8


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RENT_CACHE_SECONDS", "nan"),
        ("RENT_CACHE_SECONDS", "inf"),
        ("RENT_CACHE_SECONDS", "60.1"),
        ("RENT_DEADLINE_SECONDS", "0.9"),
        ("RENT_DEADLINE_SECONDS", "nan"),
        ("RENT_DEADLINE_SECONDS", "9.51"),
        ("RENT_BAUD_RATE", "0"),
        ("RENT_BAUD_RATE", "9600.5"),
        ("RENT_BAUD_RATE", "4000001"),
        ("RENT_AUTHORIZATION", "Optional"),
        ("RENT_STATUS_PAGE", "yes"),
        ("RENT_BIND", "127.0.0.1:65536"),
        ("WEB_CONCURRENCY", "0"),
        ("WEB_CONCURRENCY", "-1"),
        ("WEB_CONCURRENCY", "1.5"),
    ],
)
def test_a_value_out_of_bounds_is_refused(name: str, value: str) -> None:
    assert f"{name} is '{value}'" in what_is_wrong(**{name: value})


@pytest.mark.parametrize("bind", ["unix:/run/rent:99999", "[::1]:65535", "localhost", ":8000", "fd://3"])
def test_gunicorn_itself_judges_every_other_address(bind: str) -> None:
    assert from_env(RENT_BIND=bind) == from_env()


def test_a_log_level_may_be_written_in_any_case() -> None:
    assert from_env(RENT_LOG_LEVEL="Debug").log_level == "debug"


def test_ports_are_split_at_spaces_and_commas_and_kept_once() -> None:
    ports = "/dev/ttyUSB*, /dev/serial/by-id/x\n socket://10.0.0.1:4000,socket://[::1]:65535 /dev/ttyUSB*"

    assert from_env(RENT_PORTS=ports).ports == (
        "/dev/ttyUSB*",
        "/dev/serial/by-id/x",
        "socket://10.0.0.1:4000",
        "socket://[::1]:65535",
    )


@pytest.mark.parametrize(
    "port",
    ["socket://modem-1.local:1", "socket://modem_1:4000", "socket://LOCALHOST:4000", "/dev/tty[AU]*[0-3]"],
)
def test_a_supported_port_is_kept_as_it_is(port: str) -> None:
    assert from_env(RENT_PORTS=port).ports == (port,)


@pytest.mark.parametrize(
    "port",
    [
        "ttyUSB0",
        "COM3",
        "rfc2217://host:4000",
        "spy:///dev/ttyUSB0",
        "socket://host",
        "socket://:4000",
        "socket://host:",
        "socket://host:0",
        "socket://host:65536",
        "socket://host:x",
        "socket://host:4000/path",
        "socket://-host:4000",
        "socket://ho$t:4000",
        "socket://[::1:4000",
        "socket://::1:4000",
    ],
)
def test_any_other_port_is_refused_by_name(port: str) -> None:
    assert f"RENT_PORTS {port!r} is " in what_is_wrong(RENT_PORTS=f"/dev/ttyUSB0 {port}")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/getServices",
        "https://partner.example",
        "HTTP://a-b_c.example:1/x?product=all",
        "https://[::1]:65535/",
    ],
)
def test_the_url_of_an_endpoint_is_kept_as_it_is(url: str) -> None:
    assert from_env(RENT_SERVICES_URL=url).services_url == url


@pytest.mark.parametrize(
    "url",
    [
        "partner.example/x",
        "//partner.example/x",
        "ftp://partner.example/",
        "http://",
        "http:///x",
        "http://partner.example:0/",
        "http://partner.example:65536/",
        "http://partner.example:x/",
        "http://[::1/",
        "http://user@partner.example/",
        "http://user:secret@partner.example/",
        "http://partner.example/#secret",
        "http://partner.example/a b",
        "http://part\u00f1er.example/",
        "http://-partner.example/",
    ],
)
def test_any_other_url_is_refused_and_not_shown(url: str) -> None:
    text = what_is_wrong(RENT_SERVICES_URL=url)

    assert "RENT_SERVICES_URL is not http://host/path or https://host/path" in text
    assert f"{url};" not in text
    assert "secret@" not in text


@pytest.mark.parametrize(
    ("port", "shown"),
    [
        ("socket://user@host:4000", "socket://***@host:4000"),
        ("socket://user:pass/wo@rd@host:4000", "socket://***@host:4000"),
        ("socket://host:4000?logging=debug", "socket://host:4000?***"),
    ],
)
def test_the_secrets_of_a_url_are_not_shown(port: str, shown: str) -> None:
    text = what_is_wrong(RENT_PORTS=f"/dev/ttyUSB? {port}")

    assert f"RENT_PORTS {shown!r} is " in text
    assert port not in text


@pytest.mark.parametrize(
    "port", ["socket://host:7001-7064", "socket://[::1]:1-65535", "socket://h:7001-7001"]
)
def test_a_range_of_ports_is_kept_as_it_is(port: str) -> None:
    assert from_env(RENT_PORTS=port).ports == (port,)


@pytest.mark.parametrize(
    ("port", "problem"),
    [
        ("socket://host:7064-7001", "is a range that ends before it begins: write 7001-7064"),
        ("socket://host:0-7001", "is not within the ports 1 to 65535"),
        ("socket://host:7001-65536", "is not within the ports 1 to 65535"),
        ("socket://host:07001-7064", "is a port number with zeros before it: leave them out"),
        ("socket://host:7001-", "is not socket://host:port or socket://host:first-last"),
        ("socket://host:-7064", "is not socket://host:port or socket://host:first-last"),
        ("socket://host:7001-7002-7003", "is not socket://host:port or socket://host:first-last"),
        ("socket://host:7001-7064/path", "is not socket://host:port or socket://host:first-last"),
        ("socket://[10.0.0.5]:7001-7064", "is not socket://host:port or socket://host:first-last"),
        ("socket://-host:7001-7064", "is not socket://host:port: '-host' is no name or address of a host"),
    ],
)
def test_a_wrong_range_is_named_with_what_is_wrong(port: str, problem: str) -> None:
    assert f"RENT_PORTS {port!r} {problem}" in what_is_wrong(RENT_PORTS=f"/dev/ttyUSB0 {port}")


def test_keys_in_place_are_separated_by_spaces() -> None:
    assert from_env(RENT_API_KEY=" old new ").api_keys == ("old", "new")


def test_a_key_file_holds_one_key_a_line(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(b"\xef\xbb\xbf  old\r\n\n\tnew \xd0\xba\n\n")

    assert from_env(RENT_API_KEY="", RENT_API_KEY_FILE=str(file)).api_keys == ("old", "new к")


def test_the_keys_and_the_names_file_can_be_read_alone() -> None:
    assert api_keys({"RENT_API_KEY": "old new", "RENT_PORTS": "wrong"}) == ("old", "new")
    assert names_file({"RENT_NAMES_FILE": "/etc/names.toml"}) == Path("/etc/names.toml")
    with pytest.raises(ConfigurationError, match="exactly one"):
        api_keys({})


def test_exactly_one_source_of_keys_is_wanted(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("other-key")

    assert "exactly one" in what_is_wrong(RENT_API_KEY="")
    assert "exactly one" in what_is_wrong(RENT_API_KEY_FILE=str(file))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "holds no key"),
        (b" \n\r\n", "holds no key"),
        (b"secret\x00key", "holds a character that cannot be printed"),
        (b"secret\tkey", "holds a character that cannot be printed"),
        (b"sound\nsecret\tkey", "holds a character that cannot be printed"),
        (b"secret\xff", "is not UTF-8"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)

    text = what_is_wrong(RENT_API_KEY="", RENT_API_KEY_FILE=str(file))

    assert f"RENT_API_KEY_FILE: {file} {problem}" in text
    assert "secret" not in text


@pytest.mark.parametrize("key", ["secret\x07key", "secret\udcffkey"])
def test_an_unprintable_key_is_refused_and_not_shown(key: str) -> None:
    text = what_is_wrong(RENT_API_KEY=key)

    assert "RENT_API_KEY holds a character that cannot be printed" in text
    assert "secret" not in text


def test_no_key_shows_in_the_settings() -> None:
    assert "secret" not in repr(from_env())


@pytest.mark.parametrize(
    ("variables", "directory"),
    [
        ({"RUNTIME_DIRECTORY": "/run/rent:/run/other", "XDG_RUNTIME_DIR": "/run/user/1"}, "/run/rent"),
        ({"XDG_RUNTIME_DIR": "/run/user/1"}, "/run/user/1/onlinesim-rent"),
        ({"XDG_RUNTIME_DIR": "/run/user/1", "RENT_RUNTIME_DIR": "/srv/rent"}, "/srv/rent"),
    ],
)
def test_the_runtime_directory_is_ours_then_systemds_then_the_users(
    variables: dict[str, str], directory: str
) -> None:
    assert from_env(**variables).runtime_dir == Path(directory)


def test_the_runtime_directory_is_temporary_without_shared_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("onlinesim_rent.settings.SHARED_MEMORY", Path("/nowhere"))

    assert from_env().runtime_dir == Path(tempfile.gettempdir(), f"onlinesim-rent-{os.getuid()}")


def test_a_relative_runtime_directory_of_the_login_is_refused_too() -> None:
    assert "RENT_RUNTIME_DIR is 'run/onlinesim-rent'" in what_is_wrong(XDG_RUNTIME_DIR="run")


def config_where_no_file_can_be_written(**variables: str) -> subprocess.CompletedProcess[str]:
    command = ["prlimit", "--fsize=0", sys.executable, "-m", "onlinesim_rent", "config"]
    return subprocess.run(
        behind_mount("-t tmpfs -o ro none /dev/shm", command),
        env=environment(**REQUIRED, **variables),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_runtime_directory_is_enough_without_a_temporary_one(tmp_path: Path) -> None:
    checked = config_where_no_file_can_be_written(RENT_RUNTIME_DIR=str(tmp_path))

    assert checked.returncode == 0
    assert checked.stdout.splitlines()[-1] == "The settings are right. Ports found now: 0."
    assert "Traceback" not in checked.stderr


def test_the_error_asks_for_a_runtime_directory_if_no_other_exists() -> None:
    checked = config_where_no_file_can_be_written(RENT_AUTHORIZATION="maybe")

    assert checked.returncode == 1
    for name in ("RENT_RUNTIME_DIR is not set, and no directory", "RENT_AUTHORIZATION is 'maybe'"):
        assert name in checked.stderr
    assert "Traceback" not in checked.stderr


def test_the_readme_has_these_variables_and_defaults() -> None:
    text = (PROJECT / "README.md").read_text()
    rows = re.findall(r"^\| (`(?:RENT|WEB)_.*?) \| (.*?) \|", text, re.MULTILINE)
    described = [(name, default) for names, default in rows for name in re.findall(r"`(\w+)`", names)]

    assert described == [
        (variable.name, f"`{variable.default}`" if variable.default else variable.if_unset)
        for variable in VARIABLES
    ]


def test_the_example_file_has_these_variables_and_defaults() -> None:
    text = (PROJECT / "deploy/environment.example").read_text()
    lines = re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE)
    written = {name: "".join(shlex.split(value)) for name, value in lines}

    def in_the_file(variable: Variable) -> str:
        return "" if variable.if_unset == "none" else variable.default or variable.example

    assert len(lines) == len(written)
    # The unit itself names the file of the key.
    assert written == {
        variable.name: in_the_file(variable)
        for variable in VARIABLES
        if not variable.name.startswith("RENT_API_KEY")
    }


def test_gunicorn_starts_with_the_described_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = {variable.name: variable.default for variable in VARIABLES}
    for name in defaults:
        monkeypatch.delenv(name, raising=False)

    gunicorn = runpy.run_path(str(PROJECT / "gunicorn.conf.py"))

    assert gunicorn["bind"] == defaults["RENT_BIND"]
    assert str(gunicorn["workers"]) == defaults["WEB_CONCURRENCY"]
    assert gunicorn["loglevel"] == defaults["RENT_LOG_LEVEL"]


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_every_variable_has_a_meaning_and_a_right_example(variable: Variable) -> None:
    name, example = variable.assignment.split("=")
    of_fleet = {"RENT_REDIS_URL": "redis://127.0.0.1", "RENT_FLEET_SECRET": "s" * 32}

    assert variable.meaning
    assert bool(variable.default) != bool(variable.if_unset)
    if name in {"RENT_API_KEY_FILE", "RENT_FLEET_SECRET_FILE"}:
        assert Path(example).is_absolute()
    else:
        assert from_env(**(of_fleet | {name: example}))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("RENT_CACHE_SECOND", "RENT_CACHE_SECONDS"),
        ("RENT_PORT", "RENT_PORTS"),
        ("RENT_API_KEYS", "RENT_API_KEY"),
        ("RENT_KEY_FILE", "RENT_API_KEY_FILE"),
        ("RENT_BAUDRATE", "RENT_BAUD_RATE"),
        ("RENT_LISTEN_BIND", "RENT_BIND"),
        ("RENT_log_level", "RENT_LOG_LEVEL"),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest_setting(
    name: str, nearest: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert from_env(**{name: "a secret"}) == from_env()

    [record, *_] = caplog.records
    assert record.levelname == "WARNING"
    assert record.message == (
        f"{name} is not a setting of this release and is ignored; the nearest setting is {nearest}"
    )


def test_a_variable_unlike_any_setting_is_named_without_a_guess(caplog: pytest.LogCaptureFixture) -> None:
    from_env(RENT_XYZZY_QUUX_GRAULT="1")

    assert caplog.messages == ["RENT_XYZZY_QUUX_GRAULT is not a setting of this release and is ignored"]


def test_known_and_foreign_variables_are_not_called_unknown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from_env(RENT_BIND="127.0.0.1:80", RENT_NAMES_FILE="", TRENT_PORT="1", WEB_PORT="1", HOME="/root")

    assert caplog.messages == []


def test_unknown_variables_are_named_beside_wrong_ones(caplog: pytest.LogCaptureFixture) -> None:
    what_is_wrong(RENT_PORTS="", RENT_PORT="/dev/ttyUSB*")

    assert [message.split()[0] for message in caplog.messages] == ["RENT_PORT"]


FLEET = {"RENT_REDIS_URL": "rediss://user:redis-password@redis.example:6379", "RENT_FLEET_SECRET": "s" * 32}


def test_a_fleet_needs_a_redis_and_a_secret_and_no_ports() -> None:
    settings = Settings.from_env({"RENT_API_KEY": "secret-key"} | FLEET)

    assert settings.ports == ()
    assert settings.fleet
    assert settings.fleet.secret == b"s" * 32
    assert settings.fleet.host_name == socket.gethostname()
    assert "redis-password" not in repr(settings)
    assert "s" * 32 not in repr(settings)


def test_a_program_without_requests_needs_no_key() -> None:
    assert Settings.from_env({"RENT_PORTS": "/dev/ttyUSB*"}, needs_key=False).api_keys == ()


def test_the_secret_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("t" * 40 + "\n")
    settings = from_env(**FLEET | {"RENT_FLEET_SECRET": "", "RENT_FLEET_SECRET_FILE": str(file)})

    assert settings.fleet
    assert settings.fleet.secret == b"t" * 40


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"RENT_REDIS_URL": "http://redis.example"}, "RENT_REDIS_URL is not redis://host:port, rediss://"),
        ({"RENT_REDIS_URL": "redis://:pass[word@host"}, "RENT_REDIS_URL cannot be read"),
        ({"RENT_REDIS_URL": "redis://"}, "RENT_REDIS_URL is not redis://host:port, rediss://"),
        ({"RENT_REDIS_URL": "unix://"}, "RENT_REDIS_URL is not redis://host:port, rediss://"),
        ({"RENT_REDIS_URL": "redis://host?socket_timeout=99"}, "RENT_REDIS_URL has an option that is not"),
        (
            {"RENT_REDIS_URL": "rediss://:redis-password@host?ssl_ca_certs=/nowhere/ca.crt"},
            "RENT_REDIS_URL names '/nowhere/ca.crt' as ssl_ca_certs, which cannot be read: No such file",
        ),
        ({"RENT_FLEET_SECRET": ""}, "with RENT_REDIS_URL, exactly one must be set"),
        ({"RENT_FLEET_SECRET": "short"}, "RENT_FLEET_SECRET holds fewer than 32 characters"),
        ({"RENT_API_KEY": "s" * 32}, "RENT_FLEET_SECRET holds an API key"),
        ({"RENT_FLEET_SECRET": "", "RENT_FLEET_SECRET_FILE": "/nowhere"}, "/nowhere cannot be read"),
        ({"RENT_HOSTS": "pool-1 pool/2"}, "RENT_HOSTS is 'pool/2', not the name of a host"),
        ({"RENT_HOST_NAME": "a b"}, "RENT_HOST_NAME is 'a b', not the name of a host"),
        ({"RENT_PUBLISH_SECONDS": "-1"}, "RENT_PUBLISH_SECONDS is '-1', not seconds from 0 to 3600"),
        ({"RENT_REDIS_PREFIX": "*"}, "RENT_REDIS_PREFIX is '*'"),
    ],
)
def test_a_wrong_setting_of_a_fleet_is_named(changes: dict[str, str], problem: str) -> None:
    text = what_is_wrong(**FLEET | changes)

    assert problem in text
    assert "redis-password" not in text
    assert "pass[word" not in text


def test_other_settings_of_a_fleet_are_not_read_without_a_redis() -> None:
    assert from_env(RENT_FLEET_SECRET="short", RENT_HOSTS="a/b").fleet is None


def test_a_redis_without_its_client_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "onlinesim_rent.hosts.redis_exchange", raising=False)

    with pytest.raises(ConfigurationError, match=r"`make install` .*/pip install '\.\[redis\]'"):
        live_census(from_env(**FLEET))

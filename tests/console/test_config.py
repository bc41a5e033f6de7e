"""The settings as `onlinesim-rent config` shows them."""

from __future__ import annotations

import json
import re

import pytest
from commands import run, run_here
from terminals import on_a_terminal

from onlinesim_rent.settings import VARIABLES, environment_of
from onlinesim_rent.settings.environment import Environment, Variable

RIGHT = {"RENT_API_KEY": "secret-key", "RENT_PORTS": "/dev/none*", "RENT_RUNTIME_DIR": "/dev/shm/none"}


def shown(**variables: str) -> dict[str, dict[str, str]]:
    """The rows of `config --json` by the settings' names."""
    document = json.loads(run_here("config", "--json", **variables).stdout)
    return {row["name"]: row for row in document["settings"]}


def test_every_setting_is_shown_once_in_their_order():
    lines = run_here("config", **RIGHT).stdout.splitlines()
    assert lines[0].split() == ["SETTING", "VALUE", "FROM"]
    assert [line.split()[0] for line in lines[1:-1]] == [variable.name for variable in VARIABLES]
    assert not any(line.endswith(" ") for line in lines)


def test_a_setting_of_a_later_release_is_shown_without_more():
    environment = Environment(
        (Variable("RENT_NEW", "", default="0"), Variable("RENT_URL", "")), {"RENT_URL": "x"}
    )
    assert [(row.name, row.value, row.origin) for row in environment.readings()] == [
        ("RENT_NEW", "0", "default"),
        ("RENT_URL", "x", "environment"),
    ]


@pytest.mark.parametrize(
    ("variables", "name", "value", "origin"),
    [
        ({}, "RENT_API_KEY", "1 key", "environment"),
        ({"RENT_API_KEY": "old new"}, "RENT_API_KEY", "2 keys", "environment"),
        ({}, "RENT_API_KEY_FILE", "", "not set"),
        ({}, "RENT_CACHE_SECONDS", "5", "default"),
        ({"RENT_CACHE_SECONDS": " 7 "}, "RENT_CACHE_SECONDS", "7", "environment"),
        ({"RENT_NAMES_FILE": " "}, "RENT_NAMES_FILE", "", "not set"),
        ({"RENT_BIND": "unix:/run/x"}, "RENT_BIND", "unix:/run/x", "environment"),
        ({"RENT_RUNTIME_DIR": "/run/x"}, "RENT_RUNTIME_DIR", "/run/x", "environment"),
        (
            {"RENT_RUNTIME_DIR": "", "RUNTIME_DIRECTORY": "/run/x:/run/y"},
            "RENT_RUNTIME_DIR",
            "/run/x",
            "systemd (RUNTIME_DIRECTORY)",
        ),
        (
            {"RENT_RUNTIME_DIR": "", "XDG_RUNTIME_DIR": "/run/user/1"},
            "RENT_RUNTIME_DIR",
            "/run/user/1/onlinesim-rent",
            "the login (XDG_RUNTIME_DIR)",
        ),
    ],
)
def test_a_value_is_shown_with_where_it_comes_from(variables, name, value, origin):
    row = shown(**(RIGHT | variables))[name]
    assert row == {"name": name, "value": value, "origin": origin, "is_wrong": False}


@pytest.mark.parametrize(("is_credential", "origin"), [(True, "systemd credential"), (False, "environment")])
def test_keys_of_a_file_are_only_counted(tmp_path, is_credential, origin):
    file = tmp_path / "api-key"
    file.write_text("secret-1\nsecret-2\n")
    variables = RIGHT | {"RENT_API_KEY": "", "RENT_API_KEY_FILE": str(file)}
    if is_credential:
        variables["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    row = shown(**variables)["RENT_API_KEY_FILE"]
    assert (row["value"], row["origin"]) == (f"{file} (2 keys)", origin)


@pytest.mark.parametrize("wrong", [{}, {"RENT_API_KEY_FILE": "/none"}, {"RENT_CACHE_SECONDS": "fast"}])
@pytest.mark.parametrize("options", [(), ("--json",), ("--quiet",)])
def test_no_key_and_no_password_is_printed(options, wrong):
    secrets = {"RENT_API_KEY": "secret-key", "RENT_PORTS": "socket://me:secret-word@host:1?secret-query"}
    printed = run_here("config", *options, **(RIGHT | secrets | wrong))
    assert "RENT_PORTS" in printed.stdout + printed.stderr
    assert "secret" not in printed.stdout + printed.stderr


def test_wrong_settings_are_marked_and_all_told(tmp_path):
    names = tmp_path / "names.toml"
    names.write_text('[countries]\nRU = ""\n')
    wrong = {
        "RENT_API_KEY": "",
        "RENT_BAUD_RATE": "fast",
        "RENT_NAMES_FILE": str(names),
        "RENT_CLAIMS_DIR": f"{tmp_path}/none",
        "RENT_RUNTIME_DIR": "here",
    }
    printed = run_here("config", **(RIGHT | wrong))
    assert printed.returncode == 1
    marked = re.findall(r"^(\w+) .*: WRONG$", printed.stdout, re.MULTILINE)
    assert set(marked) == {*wrong, "RENT_API_KEY_FILE"}
    for name in (*wrong, str(names)):
        assert name in printed.stderr
    assert printed.stderr.count("Error: ") == 1
    assert "The settings are right" not in printed.stdout


def test_quiet_prints_nothing_if_all_is_right(tmp_path):
    (tmp_path / "modem").symlink_to("/dev/null")
    right = RIGHT | {"RENT_PORTS": str(tmp_path / "modem")}
    printed = run_here("config", "--quiet", **right)
    assert printed.returncode == 0
    assert printed.stdout == ""
    assert "cannot see whether" in printed.stderr or printed.stderr == ""


def test_quiet_prints_what_is_wrong_and_the_warnings():
    printed = run_here("config", "--quiet", RENT_PORT="1", **(RIGHT | {"RENT_BAUD_RATE": "fast"}))
    assert (printed.returncode, printed.stdout) == (1, "")
    assert "RENT_PORT is not a setting of this release and is ignored; the nearest" in printed.stderr
    assert "RENT_BAUD_RATE is 'fast'" in printed.stderr


def test_json_holds_the_problems_and_the_warnings():
    printed = run_here("config", "--json", RENT_PORT="1", **(RIGHT | {"RENT_PORTS": "ttyUSB0"}))
    document = json.loads(printed.stdout)
    assert printed.returncode == 1
    assert [problem.split()[0] for problem in document["problems"]] == ["RENT_PORTS"]
    assert document["warnings"][0].startswith("RENT_PORT is not a setting")
    assert document["ports_found"] is None


def test_a_terminal_gets_colours_and_lines_of_its_width():
    status, text = on_a_terminal("config", columns=60, **RIGHT)
    assert status == 0
    assert "\x1b[" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    rows = plain.partition("The settings are right")[0].splitlines()
    assert max(map(len, rows)) <= 60
    assert re.search(r"RENT_DEADLINE_SECONDS +8", plain)


def test_no_color_is_obeyed():
    _, text = on_a_terminal("config", NO_COLOR="1", **RIGHT)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", text)


def test_a_wrong_value_that_cannot_be_written_in_the_locale_is_no_crash():
    printed = run(
        "config", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", **(RIGHT | {"RENT_BIND": "é"})
    )
    assert printed.returncode == 0
    assert "Traceback" not in printed.stderr


def test_a_secret_that_was_not_read_is_hidden():
    environment = environment_of({"RENT_API_KEY": "secret-key"})
    assert environment.readings()[0].value == "hidden"

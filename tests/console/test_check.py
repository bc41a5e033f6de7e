"""``onlinesim-rent check``, run as people run it, against this service and against wrong endpoints."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result
from commands import ONLINESIM_RENT, run
from marketplace import PATH
from servers import environment, gunicorn
from wrong_endpoint import KEY, endpoint, error

from onlinesim_rent.conformance.rules import RULES
from onlinesim_rent.console import main

NONE = dict.fromkeys(("RENT_API_KEY", "RENT_API_KEY_FILE", "RENT_NAMES_FILE"))
GIVEN = {"RENT_API_KEY": KEY}


def check(*arguments: str, stdin: str = "", **variables: str) -> Result:
    """The command in this process: a process of its own takes half a second."""
    return CliRunner().invoke(main, ["check", *arguments], input=stdin, env=NONE | variables)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """This service, with the published example's counts."""
    with gunicorn(
        "hand_wsgi:app", RENT_API_KEY=KEY, RENT_PORTS="/dev/ttyUSB*", WEB_CONCURRENCY="2"
    ) as server:
        yield f"http://127.0.0.1:{server.port}{PATH}"


def test_this_service_keeps_every_rule(url):
    checked = run("check", url, **GIVEN)
    assert (checked.returncode, checked.stderr) == (0, "")
    *lines, summary = checked.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["skipped" if rule.name == "certificate" else "pass", rule.name] for rule in RULES
    ]
    assert summary == f"{url}: {len(RULES) - 1} pass, 1 skipped of {len(RULES)} rules."


def test_a_broken_rule_is_told_with_its_bytes_and_ends_with_status_1(tmp_path):
    report = tmp_path / "check.xml"

    def repeats(asked, right):
        return error(400, f"no action in {asked.fields}") if right.status == 400 else right

    with endpoint(repeats) as (wrong, _):
        checked = check(wrong, "--junit", str(report), **GIVEN)
    assert checked.exit_code == 1
    told = checked.output.partition("fail     secrecy")[2].splitlines()
    assert told[0].strip() == "the answer to a wrong action repeats the key"
    assert "no action in {'action': 'GET_NOTHING', 'key': '$RENT_API_KEY'}" in told[1]
    assert '--header "Authorization: Bearer $RENT_API_KEY"' in checked.output
    assert [case.get("name") for case in ET.parse(report).iterfind(".//failure/..")] == ["secrecy"]
    assert KEY not in checked.output + report.read_text()


def test_a_pipe_gets_whole_plain_lines(tmp_path):
    with endpoint(lambda asked, right: error(500, "\x1b[31m" + "x" * 9000)) as (wrong, _):
        checked = check(wrong, **GIVEN, COLUMNS="20")
    assert "\x1b" not in checked.output
    assert [line for line in checked.output.splitlines() if line != line.rstrip()] == []
    assert sum(line.startswith(("pass", "fail", "skipped")) for line in checked.output.splitlines()) == len(
        RULES
    )


def test_an_endpoint_that_is_not_there_is_one_broken_rule():
    checked = check("http://127.0.0.1:1/", **GIVEN)
    assert checked.exit_code == 1
    assert "fail     reachable            connection refused" in checked.output
    assert (
        checked.output.splitlines()[-1]
        == f"http://127.0.0.1:1/: 1 fail, {len(RULES) - 1} skipped of {len(RULES)} rules."
    )
    assert "Traceback" not in checked.output


def test_an_endpoint_that_hangs_costs_the_timeout():
    with endpoint(lambda asked, right: asked.is_over.wait()) as (wrong, _):
        checked = check("--timeout", "0.1", wrong, **GIVEN)
    assert "fail     time                 no whole answer within 0.1 s" in checked.output


def test_own_names_are_known(tmp_path):
    names = tmp_path / "names.toml"
    names.write_text('[countries]\nRU = "rossiya"\n[operators]\n25099 = "bee"\n')
    answer = {
        "countryList": [{"country": "rossiya", "operatorMap": {"any": {"rent": 1}, "bee": {"rent": 1}}}],
        "status": "SUCCESS",
    }

    def with_own_names(asked, right):
        if right.status == 200 and "Content-Encoding" not in right.headers:
            right.body = json.dumps(answer).encode()
        return right

    with endpoint(with_own_names) as (own, _):
        told = {
            variables: check(own, **GIVEN, **dict(variables)).stdout
            for variables in [(), (("RENT_NAMES_FILE", str(names)),)]
        }
    assert ['"rossiya" is no known country' in text for text in told.values()] == [True, False]


@pytest.mark.parametrize("from_standard_input", [False, True])
def test_the_key_may_come_from_a_file(url, tmp_path, from_standard_input):
    file = tmp_path / "key"
    file.write_text(f"\ufeff{KEY}\nanother\n")
    given = "-" if from_standard_input else str(file)
    checked = check("--key-file", given, url, stdin=file.read_text(), RENT_API_KEY="not-this-one")
    assert checked.exit_code == 0


def test_a_terminal_is_asked_for_the_key_and_shows_no_letter_of_it(url):
    terminal, its_end = pty.openpty()
    with subprocess.Popen(
        [*ONLINESIM_RENT, "check", url],
        env=environment(TERM="xterm"),
        stdin=its_end,
        stdout=subprocess.PIPE,
        stderr=its_end,
        start_new_session=True,
    ) as process:
        os.close(its_end)
        shown = b""
        while b"Key:" not in shown:
            shown += os.read(terminal, 1024)
        os.write(terminal, f"{KEY}\n".encode())
        while piece := read_until_it_ends(terminal):
            shown += piece
        assert process.stdout
        report = process.stdout.read().decode()
    os.close(terminal)
    assert process.returncode == 0
    assert f"{len(RULES) - 1} pass" in report
    assert KEY.encode() not in shown
    assert b"Asking" in shown


def read_until_it_ends(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux tells the end of the other side as EIO
        return b""


@pytest.mark.parametrize(
    ("arguments", "variables", "problem"),
    [
        ([], GIVEN, "Missing argument 'URL'"),
        (["rent.example.com"], GIVEN, "write it whole"),
        (["ftp://rent.example.com/"], GIVEN, "write it whole"),
        (["http://rent.example.com:0/"], GIVEN, "its port is 0"),
        (["http://rent.example.com:x/"], GIVEN, "malformed"),
        (["http://user:password@rent.example.com/"], GIVEN, "leave out the name"),
        (["http://rent.example.com/ä"], GIVEN, "%XX"),
        ([f"http://rent.example.com/?key={KEY}"], GIVEN, "the URL holds the key"),
        (["http://x/"], {}, "there is no key"),
        (["http://x/"], {"RENT_API_KEY_FILE": "/nowhere"}, "/nowhere cannot be read"),
        (["http://x/", "--key-file", "/nowhere"], {}, "No such file"),
        (["http://x/", "--key-file", "/dev/null"], {}, "--key-file holds no key"),
        (["http://x/", "--ca-file", __file__], GIVEN, "--ca-file holds no certificate"),
        (["http://x/", "--timeout", "0"], GIVEN, "--timeout"),
        (["http://x/", "--key", KEY], GIVEN, "No such option"),
        (["http://x/"], {**GIVEN, "RENT_NAMES_FILE": "/nowhere"}, "RENT_NAMES_FILE"),
    ],
)
def test_wrong_usage_ends_with_status_2_and_no_request(arguments, variables, problem):
    refused = check(*arguments, **variables)
    assert refused.exit_code == 2
    assert problem in refused.output
    assert KEY not in refused.output.replace("--key ", "")
    assert "Traceback" not in refused.output


def test_a_report_that_cannot_be_written_is_a_plain_error(url, tmp_path):
    refused = check(url, "--junit", f"{tmp_path}/none/check.xml", **GIVEN)
    assert refused.exit_code == 1
    assert "cannot be written: No such file or directory" in refused.output

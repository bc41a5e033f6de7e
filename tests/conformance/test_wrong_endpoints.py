"""Every rule catches an endpoint that breaks it: real sockets, one fault each."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from marketplace import PUBLISHED_ANSWER
from proxies import make_certificate
from wrong_endpoint import KEY, PUBLISHED, Asked, Fault, Reply, endpoint, error, packed, success

from onlinesim_rent.conformance.client import SIZE_LIMIT, Client, Endpoint
from onlinesim_rent.conformance.examination import examine
from onlinesim_rent.conformance.questions import RIGHT
from onlinesim_rent.conformance.report import Report
from onlinesim_rent.conformance.result import Outcome
from onlinesim_rent.conformance.rules import RULES
from onlinesim_rent.conformance.secret import Secret
from onlinesim_rent.networks.home_network import Names

KNOWN = Names.load().operators
IMPATIENT_SECONDS = 0.2
UNPACKS_TO_MUCH = gzip.compress(b"[" * (10 * SIZE_LIMIT))


def examined(url: str, timeout: float = 10.0, ca_file: str | None = None) -> Report:
    return examine(Endpoint(url, Secret(KEY), timeout, ca_file), KNOWN, time.time())


def broken(report: Report) -> dict[str, Outcome]:
    """The rules that the endpoint does not keep."""
    wrong = (Outcome.FAILED, Outcome.WARNING)
    return {result.rule.name: result.outcome for result in report.results if result.outcome in wrong}


# Faults


def always(reply: Reply) -> Fault:
    return lambda asked, right: reply


def body(text: bytes) -> Fault:
    """Every success has this body."""
    return lambda asked, right: success(asked, text) if right.status == 200 else right


def changed(change: str) -> Fault:
    """A statement changes the published answer: ``russia`` is its first country, ``operators`` its map."""
    answer: Any = deepcopy(PUBLISHED_ANSWER)
    russia = answer["countryList"][0]
    exec(change, {"answer": answer, "russia": russia, "operators": russia["operatorMap"]})
    return body(json.dumps(answer).encode())


def raw(*pieces: bytes) -> Fault:
    return when(200, lambda asked, right: Reply(0, b"", raw=pieces))


def accepts(is_accepted: Any) -> Fault:
    """Some wrong requests get the counts too."""
    return lambda asked, right: success(asked) if right.status == 401 and is_accepted(asked) else right


def refuses(is_refused: Any, reply: Reply) -> Fault:
    """Some right requests are refused."""
    return lambda asked, right: reply if right.status == 200 and is_refused(asked) else right


def when(status: int, change: Any) -> Fault:
    """Each reply of one status is another one."""
    return lambda asked, right: change(asked, right) if right.status == status else right


def never_ends(asked: Asked, right: Reply) -> Reply:
    asked.is_over.wait()
    return right


def trickles(asked: Asked, right: Reply) -> Reply:
    def pieces() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while not asked.is_over.wait(IMPATIENT_SECONDS / 10):
            yield b" "

    return Reply(0, b"", raw=pieces())


def without(header: str) -> Any:
    def change(asked: Asked, right: Reply) -> Reply:
        del right.headers[header]
        return right

    return change


def with_header(name: str, value: str) -> Any:
    def change(asked: Asked, right: Reply) -> Reply:
        right.headers[name] = value
        return right

    return change


def closes(*, said: bool) -> Fault:
    def fault(asked: Asked, right: Reply) -> Reply:
        right.closes = True
        if said:
            right.headers["Connection"] = "close"
        return right

    return fault


def never_packed(asked: Asked, right: Reply) -> Reply:
    return Reply(200, PUBLISHED, {"Content-Type": right.headers["Content-Type"]})


def badly_packed(asked: Asked, right: Reply) -> Reply:
    if "Content-Encoding" in right.headers:
        right.body = right.body[:-9]
    return right


def jumps(asked: Asked, right: Reply) -> Reply:
    counts = {"any": {"rent": 10 * asked.number}, "mts": {"rent": 10 * asked.number}}
    answer = {"countryList": [{"country": "russia", "operatorMap": counts}], "status": "SUCCESS"}
    return success(asked, json.dumps(answer).encode())


def in_header(part: Any) -> Any:
    return lambda asked: asked.bearer not in {"", KEY} and part(asked.bearer)


def in_body(part: Any) -> Any:
    return lambda asked: asked.bearer == KEY and part(asked.fields.get("key"))


HUGE = b"[" + b"1," * SIZE_LIMIT
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"

FAULTS: dict[str, tuple[Fault, set[str]]] = {
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), {"reachable"}),
    "no answer": (raw(), {"reachable"}),
    "a redirect": (always(Reply(302, b"", {"Location": "https://x/\x1b[31m"})), {"redirects", "status"}),
    "it hangs": (never_ends, {"time"}),
    "it trickles": (trickles, {"time"}),
    "HTTP 500": (always(error(500)), {"status"}),
    "no charset": (when(200, with_header("Content-Type", "application/json")), {"content-type"}),
    "capital letters": (
        when(200, with_header("Content-Type", "application/json; charset=UTF-8")),
        {"content-type"},
    ),
    "no Content-Type": (when(200, without("Content-Type")), {"content-type"}),
    "cut off": (raw(HEAD + b"Content-Length: 999\r\n\r\n", PUBLISHED[:30]), {"size"}),
    "huge": (raw(HEAD + b"\r\n", HUGE), {"size"}),
    "a gzip bomb": (
        raw(HEAD + b"Content-Encoding: gzip\r\n\r\n" + UNPACKS_TO_MUCH),
        {"size", "plain-answer"},
    ),
    "large": (body(PUBLISHED + b" " * 300_000), {"size"}),
    "no JSON": (body(b"<html>"), {"json"}),
    "NaN": (body(PUBLISHED.replace(b"19", b"NaN")), {"json"}),
    "two keys": (body(PUBLISHED.replace(b'"megafon"', b'"beeline"')), {"json"}),
    "Latin-1": (body(PUBLISHED.replace(b"life", b"lif\xe9")), {"json"}),
    "a list": (body(b"[]"), {"shape", "success"}),
    "no list": (body(b'{"status": "SUCCESS"}'), {"shape"}),
    "a string": (changed("operators['any']['rent'] = '19'"), {"shape"}),
    "a bool": (changed("operators['any']['rent'] = True"), {"shape"}),
    "a fraction": (changed("operators['any']['rent'] = 19.0"), {"shape"}),
    "no rent": (changed("del operators['any']['rent']"), {"shape"}),
    "no object": (changed("operators['any'] = 19"), {"shape"}),
    "too large a number": (changed("operators['any']['rent'] = 10 ** 4000"), {"shape"}),
    "deep": (body(b'{"status": "SUCCESS", "countryList": [' + b"[" * 700 + b"]" * 700 + b"]}"), {"shape"}),
    "ERROR": (body(b'{"countryList": [], "status": "ERROR", "error": "\\u001b[31m"}'), {"success"}),
    "another status": (body(b'{"countryList": [], "status": "OK"}'), {"success"}),
    "a country twice": (changed("answer['countryList'].append(russia)"), {"country-once"}),
    "no any": (changed("del operators['any']"), {"any-present"}),
    "a wrong sum": (changed("operators['any']['rent'] = 20"), {"any-sum"}),
    "a zero": (changed("operators['mts'] = {'rent': 0}"), {"positive"}),
    "below zero": (changed("operators |= {'mts': {'rent': -1}, 'any': {'rent': 18}}"), {"positive"}),
    "a wrong country": (changed("russia['country'] = 'Russia'"), {"country-names"}),
    "half a letter": (changed("russia['country'] = '\\ud800'"), {"country-names"}),
    "a wrong operator": (changed("operators['beelin'] = operators.pop('beeline')"), {"operator-names"}),
    "counts that jump": (when(200, jumps), {"agreement"}),
    "always packed": (
        when(
            200,
            lambda asked, _: (
                packed(success(asked))
                if asked.headers.get("Accept-Encoding") == "identity"
                else success(asked)
            ),
        ),
        {"plain-answer"},
    ),
    "never packed": (when(200, never_packed), {"gzip-answer"}),
    "badly packed": (badly_packed, {"gzip-answer", "marketplace-headers"}),
    "gzip is not read": (
        refuses(lambda asked: "Content-Encoding" in asked.headers, error(400)),
        {"gzip-request"},
    ),
    "Accept is read": (
        refuses(lambda asked: "image/gif" in asked.headers.get("Accept", ""), error(406)),
        {"marketplace-headers"},
    ),
    "it closes": (closes(said=True), {"keepalive"}),
    "it closes silently": (closes(said=False), {"keepalive"}),
    "a strict limit": (
        refuses(lambda asked: asked.number > 20, error(429)),
        {"thirty-at-once"},
    ),
    "no header is fine": (
        accepts(lambda asked: "Authorization" not in asked.headers),
        {"header-key-missing"},
    ),
    "no header is forbidden": (
        lambda asked, right: right if asked.bearer else error(403),
        {"header-key-missing"},
    ),
    "any header": (
        accepts(in_header(lambda key: True)),
        {"header-key-wrong", "header-key-longer", "header-key-shorter"},
    ),
    "the header's beginning": (accepts(in_header(lambda key: key.startswith(KEY))), {"header-key-longer"}),
    "a part of the header": (accepts(in_header(KEY.startswith)), {"header-key-shorter"}),
    "no body key": (accepts(in_body(lambda key: key is None)), {"body-key-missing"}),
    "any body key": (
        accepts(in_body(bool)),
        {"body-key-wrong", "body-key-longer", "body-key-shorter"},
    ),
    "the body key's beginning": (
        accepts(in_body(lambda key: key and key.startswith(KEY))),
        {"body-key-longer"},
    ),
    "a part of the body key": (
        accepts(in_body(lambda key: key and KEY.startswith(key))),
        {"body-key-shorter"},
    ),
    "no challenge": (
        lambda asked, right: (
            without("WWW-Authenticate")(asked, right) if asked.bearer == "not-the-key" else right
        ),
        {"header-key-wrong"},
    ),
    "a count in a refusal": (
        lambda asked, right: (
            Reply(401, PUBLISHED, right.headers) if asked.fields.get("key") == "not-the-key" else right
        ),
        {"body-key-wrong"},
    ),
    "any action": (when(400, lambda asked, _: success(asked)), {"wrong-action"}),
    "any method": (when(405, lambda asked, _: success(asked)), {"other-method"}),
    "no Allow": (when(405, without("Allow")), {"other-method"}),
    "the key repeated": (
        when(400, lambda asked, _: error(400, f"wrong: {asked.body.decode()}")),
        {"secrecy"},
    ),
}
"""Each fault, and the rules that catch it."""

NEED_A_HOST_OF_THEIR_OWN = {"encryption", "certificate"}

WARNED = {
    "large",
    "a wrong country",
    "half a letter",
    "a wrong operator",
    "counts that jump",
    "it closes",
    "no header is fine",
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_caught_by_its_rules(name: str) -> None:
    fault, rules = FAULTS[name]
    timeout = IMPATIENT_SECONDS if "time" in rules else 10.0
    with endpoint(fault) as (url, _):
        report = examined(url, timeout)
    assert broken(report) == dict.fromkeys(rules, Outcome.WARNING if name in WARNED else Outcome.FAILED)
    assert KEY not in repr(report)


def test_every_rule_is_caught_by_a_fault() -> None:
    caught = set().union(*(rules for _, rules in FAULTS.values()))
    assert caught | NEED_A_HOST_OF_THEIR_OWN == {rule.name for rule in RULES}


def test_an_endpoint_without_a_fault_keeps_every_rule() -> None:
    with endpoint() as (url, _):
        report = examined(url)
    assert broken(report) == {}
    assert [result.rule.name for result in report.results if result.outcome is Outcome.SKIPPED] == [
        "certificate"
    ]


def test_a_chunked_answer_is_read_as_any_other() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nConnection: close\r\n"
    chunks = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(PUBLISHED), PUBLISHED)
    with endpoint(raw(head, chunks)) as (url, _):
        report = examined(url)
    assert broken(report) == {"gzip-answer": Outcome.FAILED, "keepalive": Outcome.WARNING}


def test_a_gzip_bomb_takes_little_memory() -> None:
    bomb = gzip.compress(bytes(20 * SIZE_LIMIT))
    with (
        endpoint(raw(HEAD + b"Content-Encoding: gzip\r\n\r\n" + bomb)) as (url, _),
        closing(Client(Endpoint(url, Secret(KEY), 10.0))) as client,
    ):
        tracemalloc.start()
        client.ask(RIGHT)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 5 * SIZE_LIMIT


def test_plain_http_to_another_host_is_a_warning() -> None:
    # Linux takes this address for its own, and it is none of the loopback's.
    with endpoint(host="0.0.0.0") as (url, _):
        assert broken(examined(url)) == {"encryption": Outcome.WARNING}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate that ends in two days."""
    directory = tmp_path_factory.mktemp("certificate")
    make_certificate(directory)
    return directory


@pytest.mark.needs("openssl")
def test_a_certificate_near_its_end_is_a_warning_with_the_days(certificate: Path) -> None:
    with endpoint(certificate=certificate) as (url, _):
        report = examined(url, ca_file=str(certificate / "fullchain.pem"))
    assert broken(report) == {"certificate": Outcome.WARNING}
    assert {result.reason for result in report.results if result.rule.name == "certificate"} == {
        "2 days left"
    }


@pytest.mark.needs("openssl")
@pytest.mark.parametrize(
    ("host", "is_trusted", "reason"),
    [("127.0.0.1", False, "self-signed certificate"), ("0.0.0.0", True, "IP address mismatch")],
)
def test_the_key_is_not_sent_over_an_invalid_certificate(
    certificate: Path, host: str, reason: str, *, is_trusted: bool
) -> None:
    with endpoint(certificate=certificate, host=host) as (url, asked):
        report = examined(url, ca_file=str(certificate / "fullchain.pem") if is_trusted else None)
    assert broken(report) == {"certificate": Outcome.FAILED}
    [told] = [result.reason for result in report.results if result.outcome is Outcome.FAILED]
    assert reason in told
    assert asked == []

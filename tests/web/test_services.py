"""POST /getServices over a partner's own endpoint, which is a real server in another process."""

from __future__ import annotations

import gzip
import json
import logging
import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from endpoint import SERVICES, Endpoint, endpoint, packed, response
from hand_census import HandCensus, census_of
from marketplace import BODY, HEADERS
from proxies import make_certificate
from servers import PATIENCE_SECONDS, until
from werkzeug.serving import make_server

from modem_simulator import SimulatedBank, SimulatedModule
from onlinesim_rent.application import create_app
from onlinesim_rent.census.cache import CensusCache
from onlinesim_rent.census.counting import Census
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import CensusError
from onlinesim_rent.settings import Settings
from onlinesim_rent.web.errors import ServicesError
from onlinesim_rent.web.merging import merge
from onlinesim_rent.web.schemas import dump_answer
from onlinesim_rent.web.services_client import ANSWER_LIMIT, MOST_AT_ONCE, ServicesClient, ServicesRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask.testing import FlaskClient
    from servers import Server
    from werkzeug.test import TestResponse

PATH = "/getServices"
MERGED = merge(SERVICES, dump_answer(HandCensus().census.available))
FAULT = "the endpoint of RENT_SERVICES_URL "
GONE = f"{FAULT}takes no connection; start it, or correct the address"


@pytest.fixture(scope="module")
def partner() -> Iterator[Endpoint]:
    """One endpoint for all tests that do not stop it."""
    with endpoint() as running:
        yield running


@pytest.fixture
def serve(settings: Settings, census: HandCensus) -> Callable[..., FlaskClient]:
    """Makes a client of the service with an endpoint of its own, which has much time to answer."""

    def start(url: str, **changed: Any) -> FlaskClient:
        changed = {"services_url": url, "deadline_seconds": PATIENCE_SECONDS} | changed
        return create_app(replace(settings, **changed), census).test_client()

    return start


def ask(client: FlaskClient, body: object = BODY, **headers: str) -> TestResponse:
    return client.post(PATH, data=body, headers=HEADERS | headers)


def error_of(answer: TestResponse) -> str:
    """Check that an answer is the contract's error, and return its sentence."""
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.json["countryList"] == []
    assert answer.json["status"] == "ERROR"
    assert "secret" not in answer.text
    return answer.json["error"]


def asking_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "services"]


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    until(lambda: asking_threads() == [])
    yield
    until(lambda: asking_threads() == [])


# What is answered and asked


def test_the_rent_counts_are_added_to_the_endpoints_answer(
    partner: Endpoint, serve: Callable[..., FlaskClient]
) -> None:
    answer = ask(serve(partner.answers(packed(SERVICES))))

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.text == json.dumps(MERGED)
    assert answer.json["countryList"][0]["operatorMap"]["megafon"] == {"vk": 0, "wa": 32, "rent": 10}


CHUNKED = b"".join(
    f"{len(piece):x}\r\n{piece}\r\n".encode()
    for piece in (json.dumps(SERVICES)[:9], json.dumps(SERVICES)[9:])
)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(response(json.dumps(SERVICES).encode()), id="not packed"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED + b"0\r\n\r\n", id="chunked"
        ),
        pytest.param(packed(SERVICES).replace(b"HTTP/1.1", b"HTTP/1.0"), id="HTTP/1.0"),
        pytest.param(response(json.dumps(SERVICES).encode() + b" " * 1_900_000), id="almost too large"),
    ],
)
def test_an_answer_may_be_sent_in_any_form(
    partner: Endpoint, serve: Callable[..., FlaskClient], reply: bytes
) -> None:
    assert ask(serve(partner.answers(reply))).json == MERGED


def test_the_same_request_is_sent_on(partner: Endpoint, serve: Callable[..., FlaskClient]) -> None:
    url = partner.answers(packed(SERVICES))

    ask(serve(url), Accept_Encoding="br", X_Other="x")

    [asked] = partner.asked(url)
    assert asked["body"] == BODY
    assert asked["headers"] == {
        "Host": f"127.0.0.1:{partner.port}",
        "Content-Length": str(len(BODY)),
        "Authorization": "Bearer secret-key",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "User-Agent": "onlinesim-rent",
        "Via": "1.1 onlinesim-rent",
    }


def test_a_packed_request_is_sent_on_as_it_came(partner: Endpoint, serve: Callable[..., FlaskClient]) -> None:
    url = partner.answers(packed(SERVICES))
    body = gzip.compress(BODY.encode())

    assert ask(serve(url), body, **{"Content-Encoding": "gzip"}).json == MERGED

    [asked] = partner.asked(url)
    assert asked["body"].encode("latin-1") == body
    assert asked["headers"]["Content-Encoding"] == "gzip"


def test_the_key_of_the_request_is_sent_on(partner: Endpoint, serve: Callable[..., FlaskClient]) -> None:
    url = partner.answers(packed(SERVICES))
    client = serve(url, api_keys=("old-key", "new-key"), authorization_required=False)

    client.post(PATH, data='{"action": "GET_SERVICES", "key": "new-key"}')

    [asked] = partner.asked(url)
    assert "Authorization" not in asked["headers"]
    assert json.loads(asked["body"])["key"] == "new-key"


def test_a_stranger_is_refused_and_nobody_is_asked(
    partner: Endpoint, serve: Callable[..., FlaskClient], census: HandCensus
) -> None:
    url = partner.answers(packed(SERVICES))
    client = serve(url)

    assert ask(client, Authorization="Bearer wrong").status_code == 401
    assert ask(client, '{"action": "GET_SERVICES", "key": "wrong"}').status_code == 401
    assert ask(client, "{}").status_code == 400
    assert client.get(PATH).status_code == 405

    assert partner.asked(url) == []
    assert census.deadlines == []


def test_without_the_setting_there_is_no_such_path(client: FlaskClient) -> None:
    assert ask(client).status_code == 404


# Connections


def test_one_connection_serves_several_requests(partner: Endpoint, serve: Callable[..., FlaskClient]) -> None:
    url = partner.answers(packed(SERVICES))
    client = serve(url)

    for _ in range(5):
        assert ask(client).json == MERGED

    assert len({asked["port"] for asked in partner.asked(url)}) == 1


def test_a_kept_connection_that_ends_loses_no_request(
    partner: Endpoint, serve: Callable[..., FlaskClient]
) -> None:
    client = serve(partner.url("/hang-up-on-the-second"))

    for _ in range(3):
        assert ask(client).json == MERGED


@pytest.mark.usefixtures("no_thread_is_left")
def test_thirty_requests_at_once_are_answered(partner: Endpoint, serve: Callable[..., FlaskClient]) -> None:
    url = partner.answers(packed(SERVICES))
    client = serve(url)

    with ThreadPoolExecutor(30) as marketplace:
        answers = list(marketplace.map(lambda _: ask(client).json, range(3 * 30)))

    assert answers == [MERGED] * 3 * 30
    assert len({asked["port"] for asked in partner.asked(url)}) <= 30


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificate")
    make_certificate(directory)
    return directory / "fullchain.pem"


@pytest.fixture(scope="module")
def secure_partner(certificate: Path) -> Iterator[Endpoint]:
    with endpoint(str(certificate), str(certificate.with_name("privkey.pem"))) as running:
        yield running


@pytest.mark.needs("openssl")
@pytest.mark.usefixtures("no_thread_is_left")
def test_an_endpoint_with_tls_is_asked_as_well(
    secure_partner: Endpoint,
    certificate: Path,
    serve: Callable[..., FlaskClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    base = f"https://localhost:{secure_partner.port}"

    client = serve(f"{base}/hang-up-on-the-second")
    assert [ask(client).json for _ in range(3)] == [MERGED] * 3
    assert "did not answer within" in error_of(ask(serve(f"{base}/trickled-head", deadline_seconds=1)))


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("host", ["localhost", "127.1"])
def test_a_certificate_that_the_system_does_not_trust_is_an_error(
    secure_partner: Endpoint,
    certificate: Path,
    serve: Callable[..., FlaskClient],
    monkeypatch: pytest.MonkeyPatch,
    host: str,
) -> None:
    """It is its own issuer, and it is not for the name 127.1, which is the same address."""
    if host == "127.1":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    error = error_of(ask(serve(f"https://{host}:{secure_partner.port}/hang-up-on-the-second")))

    assert "offers no TLS that this host trusts" in error


# The census and the endpoint


@dataclass
class MeetingCensus(HandCensus):
    """Ends only once the endpoint has been asked. The endpoint answers only once this census has begun."""

    partner: Endpoint | None = None

    def get(self, deadline: float, came_at: float | None = None) -> Census:
        if not self.deadlines:
            assert self.partner
            self.partner.meet()
        return super().get(deadline, came_at)


def test_the_endpoint_and_the_modules_are_asked_at_the_same_time(
    partner: Endpoint, settings: Settings
) -> None:
    settings = replace(settings, services_url=partner.url("/meet"))

    assert ask(create_app(settings, MeetingCensus(partner=partner)).test_client()).json == MERGED


def test_the_census_has_the_requests_deadline(
    partner: Endpoint, serve: Callable[..., FlaskClient], census: HandCensus
) -> None:
    before = boot_clock()
    ask(serve(partner.answers(packed(SERVICES)), deadline_seconds=2.5))

    assert all(before + 2.5 <= deadline <= boot_clock() + 2.5 for deadline in census.deadlines)


@pytest.mark.usefixtures("no_thread_is_left")
def test_a_failed_census_is_an_error_without_half_the_truth(
    partner: Endpoint, serve: Callable[..., FlaskClient], census: HandCensus
) -> None:
    census.failure = CensusError("no port could be opened; see RENT_PORTS")

    assert (
        error_of(ask(serve(partner.answers(packed(SERVICES))))) == "no port could be opened; see RENT_PORTS"
    )
    # It does not wait for an endpoint whose answer is of no use.
    assert error_of(ask(serve(partner.url("/never")))) == "no port could be opened; see RENT_PORTS"


def test_a_census_that_is_too_old_when_the_endpoint_answers_is_taken_again(
    partner: Endpoint, settings: Settings, tmp_path: Path
) -> None:
    now = boot_clock()
    numbers = iter([1, 2])

    def take(_: float) -> Census:
        return census_of({("russia", "beeline"): next(numbers)})

    cache = CensusCache(tmp_path / "runtime", 5.0, take, record=lambda *_: None, clock=lambda: now)

    class TenSecondsPass(HandCensus):
        def get(self, deadline: float, came_at: float | None = None) -> Census:
            nonlocal now
            census = cache.get(deadline + PATIENCE_SECONDS, came_at)
            now += 10.0
            return census

    settings = replace(settings, services_url=partner.answers(packed(SERVICES)))
    answer = ask(create_app(settings, TenSecondsPass()).test_client()).json

    assert answer["countryList"][0]["operatorMap"]["any"]["rent"] == 2


# An endpoint that fails

OK = json.dumps(SERVICES).encode()
RUSSIA = {"country": "russia", "operatorMap": {"any": {"vk": 1}}}


def document(**changed: object) -> bytes:
    return response(json.dumps(SERVICES | changed).encode())


WRONG = {
    "another status": (response(b"secret", status="503 Busy"), "answered with HTTP 503, not 200"),
    "a refused key": (response(OK, status="401 No"), "answered with HTTP 401, not 200"),
    "a redirect": (
        response(b"", "Location: http://127.0.0.1:1/secret", status="302 Found"),
        "redirects, with HTTP 302; set the address",
    ),
    "an endless redirect": (response(b"", "Location: /", status="308 Moved"), "redirects, with HTTP 308"),
    "no content": (response(b"", status="204 No"), "answered with HTTP 204, not 200"),
    "no body": (response(b""), "the body is not JSON in UTF-8"),
    "HTML": (response(b"<p>secret</p>"), "the body is not JSON in UTF-8"),
    "Latin-1": (response('{"status": "é"}'.encode("latin-1")), "the body is not JSON in UTF-8"),
    "a NaN": (response(b'{"status": NaN}'), "the body is not JSON in UTF-8"),
    "a name twice": (response(b'{"status": "SUCCESS", "status": "ERROR"}'), "the body is not JSON"),
    "deep nesting": (response(b"[" * 100_000), "the body is not JSON"),
    "an infinity": (response(OK[:-1] + b', "x": 1e999}'), "sent a number that is too large"),
    "a list": (response(b"[]"), "the body is not a JSON object"),
    "an error of its own": (document(status="ERROR", error="secret"), "the status is not SUCCESS"),
    "no status": (response(b'{"countryList": []}'), "the status is not SUCCESS"),
    "no countries": (response(b'{"status": "SUCCESS"}'), "the countryList is not a list of"),
    "countries as a map": (document(countryList={}), "the countryList is not a list of"),
    "a country as text": (document(countryList=["russia"]), "the countryList is not a list of"),
    "a country without a name": (document(countryList=[{"operatorMap": {}}]), "the countryList is not"),
    "a country without operators": (document(countryList=[{"country": "x"}]), "the countryList is not"),
    "operators as a list": (
        document(countryList=[{"country": "x", "operatorMap": []}]),
        "the countryList is not",
    ),
    "counts as a number": (
        document(countryList=[{"country": "x", "operatorMap": {"any": 1}}]),
        "the countryList is not",
    ),
    "a country twice": (document(countryList=[RUSSIA, RUSSIA]), "names a country twice"),
    "too much": (response(OK + b" " * ANSWER_LIMIT), "sent more than 2 MiB"),
    "too much when unpacked": (
        response(gzip.compress(OK + b" " * ANSWER_LIMIT), "Content-Encoding: gzip"),
        "sent more than 2 MiB",
    ),
    "a gzip bomb": (
        response(gzip.compress(bytes(10_000_000)), "Content-Encoding: gzip"),
        "sent more than 2 MiB",
    ),
    "no gzip at all": (response(OK, "Content-Encoding: gzip"), "is not the gzip"),
    "half a gzip": (
        response(gzip.compress(OK)[:-9], "Content-Encoding: gzip"),
        "the body is not one whole gzip member",
    ),
    "another packing": (response(OK, "Content-Encoding: br"), "the Content-Encoding is not gzip"),
    "no HTTP": (b"secret\r\n\r\n", "broke off its answer, or does not speak HTTP"),
    "half an answer": (response(OK, "Connection: close")[:-9], "broke off its answer"),
    "a broken chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n",
        "broke off its answer",
    ),
}


@pytest.mark.parametrize(("reply", "sentence"), WRONG.values(), ids=WRONG)
@pytest.mark.usefixtures("no_thread_is_left")
def test_a_wrong_answer_is_an_error_that_says_what_is_wrong(
    partner: Endpoint,
    serve: Callable[..., FlaskClient],
    caplog: pytest.LogCaptureFixture,
    reply: bytes,
    sentence: str,
) -> None:
    error = error_of(ask(serve(partner.answers(reply))))

    assert error.startswith(FAULT)
    assert sentence in error
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert error in record.getMessage()
    assert "secret" not in caplog.text


def test_a_broken_header_is_not_quoted_in_the_log(
    partner: Endpoint, serve: Callable[..., FlaskClient], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reply = response(OK, "Connection: close", "secret without a colon")

    assert ask(serve(partner.answers(reply) + "?key=secret")).json == MERGED
    assert "secret" not in caplog.text


def test_an_endpoint_that_hangs_up_is_asked_twice_and_then_an_error(
    partner: Endpoint, serve: Callable[..., FlaskClient]
) -> None:
    assert "broke off its answer" in error_of(ask(serve(partner.url("/hang-up"))))
    assert len(partner.asked("/hang-up")) == 2


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://127.0.0.1:1/", "takes no connection; start it"),
        ("http://nowhere.invalid/", "has a host name that cannot be found"),
        ("https://127.0.0.1:1/", "takes no connection; start it"),
    ],
)
def test_an_endpoint_that_is_not_there_is_an_error(
    serve: Callable[..., FlaskClient], url: str, sentence: str
) -> None:
    assert error_of(ask(serve(url))).startswith(FAULT + sentence)


@pytest.mark.parametrize("path", ["/never", "/trickled-head", "/trickled-body"])
@pytest.mark.usefixtures("no_thread_is_left")
def test_a_late_answer_is_an_error_at_the_deadline_and_leaves_no_thread(
    partner: Endpoint, serve: Callable[..., FlaskClient], path: str
) -> None:
    client = serve(partner.url(path), deadline_seconds=1)

    assert error_of(ask(client)) == f"{FAULT}did not answer within RENT_DEADLINE_SECONDS; make it faster"


@pytest.mark.usefixtures("no_thread_is_left")
def test_an_endpoint_that_stops_and_goes_on_is_used_again() -> None:
    with endpoint() as own:
        client = ServicesClient(own.answers(packed(SERVICES)))

        def answer(seconds: float) -> object:
            request = ServicesRequest({}, BODY.encode())
            with client.asking(request, boot_clock() + seconds) as exchange:
                return exchange.answer()

        assert answer(PATIENCE_SECONDS) == SERVICES
        own.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, own.process.pid, os.WSTOPPED)
        with pytest.raises(ServicesError, match="did not answer within"):
            answer(0.5)
        own.process.send_signal(signal.SIGCONT)
        assert answer(PATIENCE_SECONDS) == SERVICES


@pytest.mark.usefixtures("no_thread_is_left")
def test_requests_under_way_are_bounded(serve: Callable[..., FlaskClient]) -> None:
    """The endpoint answers nobody until it goes away, so all requests before that are under way."""
    with ThreadPoolExecutor(MOST_AT_ONCE) as marketplace:
        with socket.create_server(("127.0.0.1", 0), backlog=MOST_AT_ONCE) as silent:
            client = serve(f"http://127.0.0.1:{silent.getsockname()[1]}/")
            under_way = [marketplace.submit(ask, client) for _ in range(MOST_AT_ONCE)]
            until(lambda: len(asking_threads()) == MOST_AT_ONCE)
            for _ in range(8):
                assert f"holds up {MOST_AT_ONCE} earlier requests" in error_of(ask(client))
        assert {error_of(answer.result()) for answer in under_way} == {GONE}
        assert error_of(ask(client)) == GONE


def test_a_host_without_threads_is_an_error_for_as_long_as_it_has_none(
    partner: Endpoint, serve: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    client = serve(partner.answers(packed(SERVICES)))
    with monkeypatch.context() as exhausted:
        exhausted.setattr("threading.Thread.start", refuse)
        errors = {error_of(ask(client)) for _ in range(MOST_AT_ONCE + 1)}

    assert errors == {f"{FAULT}could not be asked: this host gives no more threads; end programs"}
    assert ask(client).json == MERGED


# As a process


def test_a_url_that_leads_back_to_the_service_is_an_error(settings: Settings, census: HandCensus) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        port = listener.getsockname()[1]
        app = create_app(replace(settings, services_url=f"http://127.0.0.1:{port}{PATH}"), census)
        server = make_server("127.0.0.1", port, app, threaded=True, fd=listener.fileno())
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            client = app.test_client()
            assert "the status is not SUCCESS" in error_of(ask(client))
            assert "leads back to this service" in error_of(ask(client, Via="1.1 proxy, 1.1 onlinesim-rent"))
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def test_real_modules_are_counted_beside_a_real_endpoint(
    partner: Endpoint, start_gunicorn: Callable[..., Server], tmp_path: Path
) -> None:
    modules = [
        SimulatedModule("869731054051594", "250990000000001"),
        SimulatedModule("869731054051602", "250990000000002"),
    ]
    with SimulatedBank(modules) as bank:
        server = start_gunicorn(
            "wsgi:app",
            RENT_PORTS=bank.ports,
            RENT_RUNTIME_DIR=f"{tmp_path}/runtime",
            RENT_SERVICES_URL=partner.answers(packed(SERVICES)),
        )
        answer = server.request("POST", PATH, BODY, HEADERS | {"Accept-Encoding": "gzip"})

    [russia] = json.loads(gzip.decompress(answer.body))["countryList"]
    assert russia["operatorMap"] == {
        "any": {"vk": 10, "wa": 52, "rent": 2},
        "beeline": {"vk": 10, "wa": 20, "rent": 2},
        "megafon": {"vk": 0, "wa": 32},
    }
    server.stdout.until(rf'"POST {PATH} HTTP/1.1" 200 ')

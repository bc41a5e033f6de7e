"""The HTTP surface: deploy/openapi.yaml is true to the code, and no bytes of a client break real gunicorn."""

from __future__ import annotations

import gzip
import json
import re
import socket
from contextlib import closing, suppress
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml
from hand_census import HandCensus, census_of
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from servers import PATIENCE_SECONDS, PROJECT, gunicorn

from onlinesim_rent.application import create_app
from onlinesim_rent.finding import CensusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from servers import Server

    from onlinesim_rent.settings import Settings

DESCRIPTION = yaml.safe_load((PROJECT / "deploy" / "openapi.yaml").read_text())
PATH = "/getServicesRent"
BODY = b'{"action": "GET_SERVICES", "key": "secret-key"}'
BEARER = {"Authorization": "Bearer secret-key"}
JSON = "application/json; charset=utf-8"


def problems(schema: dict[str, Any], value: object) -> list[str]:
    """What of a value is not as the description has it."""
    validator = Draft202012Validator(schema | {"components": DESCRIPTION["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


ERROR = {"$ref": "#/components/schemas/Error"}


# The description


def test_every_schema_of_the_description_is_one() -> None:
    for schema in DESCRIPTION["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_the_description_lists_exactly_the_paths_and_methods(
    every_route: Settings, census: HandCensus
) -> None:
    # Who serves GET serves HEAD as well (RFC 9110, 9.3.2).
    served = {
        (rule.rule, method.lower())
        for rule in create_app(every_route, census).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }

    assert served == {(path, method) for path, item in DESCRIPTION["paths"].items() for method in item}


class Exchange(NamedTuple):
    """A request, and the status that the description promises it."""

    method: str
    path: str
    status: int
    request: dict[str, Any] = {}  # noqa: RUF012
    census: HandCensus = HandCensus()


ELSEWHERE = {"environ_base": {"REMOTE_ADDR": "192.0.2.1"}}
NO_CENSUS = HandCensus(failure=CensusError("no descriptors are left"))
EXCHANGES = [
    Exchange("post", PATH, 200, {"headers": BEARER, "data": BODY}),
    Exchange("post", PATH, 200, {"headers": BEARER, "data": BODY}, HandCensus(census_of({}))),
    Exchange("post", PATH, 200, {"headers": BEARER, "data": BODY}, NO_CENSUS),
    Exchange("post", PATH, 400, {"headers": BEARER, "data": b"{}"}),
    Exchange("post", PATH, 401, {"data": BODY}),
    Exchange("post", PATH, 413, {"headers": BEARER, "data": b" " * 20_000}),
    Exchange("post", "/getServices", 200, {"headers": BEARER, "data": BODY}),
    Exchange("post", "/getServices", 400, {"headers": BEARER, "data": b"{}"}),
    Exchange("post", "/getServices", 401, {"data": BODY}),
    Exchange("post", "/getServices", 413, {"headers": BEARER, "data": b" " * 20_000}),
    Exchange("get", "/healthz", 200),
    Exchange("get", "/healthz", 503, census=NO_CENSUS),
    Exchange("get", "/metrics", 200),
    Exchange("get", "/", 200),
    Exchange("get", "/", 404, ELSEWHERE),
    Exchange("get", "/status", 200, {"headers": BEARER}),
    Exchange("get", "/status", 401),
    Exchange("get", "/status", 404, ELSEWHERE | {"headers": BEARER}),
]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_answer_is_as_the_description_has_it(every_route: Settings, exchange: Exchange) -> None:
    method, path, status, request, census = exchange

    answer = create_app(every_route, census).test_client().open(path, method=method, **request)

    assert answer.status_code == status
    described = DESCRIPTION["paths"][path][method]["responses"][str(status)]
    content = described["content"]
    schema = (content.get(answer.content_type) or content[answer.mimetype])["schema"]
    assert problems(schema, answer.json if answer.is_json else answer.text) == []
    for name, header in described.get("headers", {}).items():
        assert problems(header["schema"], answer.headers.get(name)) == []


def test_every_status_of_the_description_is_answered_here() -> None:
    described = {
        (method, path, int(status))
        for path, item in DESCRIPTION["paths"].items()
        for method, operation in item.items()
        for status in operation["responses"]
    }

    assert described == {(method, path, status) for method, path, status, *_ in EXCHANGES}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", PATH, 405), ("OPTIONS", PATH, 405), ("OPTIONS", "/healthz", 405)],
)
def test_an_undescribed_request_gets_the_described_error(
    settings: Settings, census: HandCensus, method: str, path: str, status: int
) -> None:
    answer = create_app(settings, census).test_client().open(path, method=method)

    assert (answer.status_code, answer.content_type) == (status, JSON)
    assert problems(ERROR, answer.json) == []


def test_the_request_described_is_the_one_that_is_answered(settings: Settings, census: HandCensus) -> None:
    request = DESCRIPTION["components"]["schemas"]["Request"]
    client = create_app(settings, census).test_client()

    assert problems(request, json.loads(BODY)) == []
    for left_out in request["required"]:
        short = {name: value for name, value in json.loads(BODY).items() if name != left_out}
        assert problems(request, short)
        assert client.post(PATH, json=short, headers=BEARER).status_code in {400, 401}


# Any bytes at all


class Reply(NamedTuple):
    status: int
    content_type: str
    body: bytes


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One gunicorn for all of it, which outlives every request without a word of a traceback."""
    with gunicorn("hand_wsgi:app", RENT_API_KEY="secret-key ключР", RENT_PORTS="/dev/ttyUSB*") as server:
        assert ask(server, head(), BODY).status == 200
        workers = server.workers()
        yield server
        assert ask(server, head(), BODY).status == 200
        assert server.workers() == workers
        server.stop()
        assert "Traceback" not in server.stderr.text
        # A line that begins otherwise is one that a client has forged, or the middle of a traceback.
        assert [line for line in server.stderr.text.splitlines() if not re.match(r"\[20\d\d-", line)] == []
        assert [line for line in server.stdout.text.splitlines() if not re.match(r"\[\d\d/", line)] == []
        assert '" 500 ' not in server.stdout.text


def send(server: Server, request: bytes) -> Reply | None:
    """The first answer to the bytes, and None where the server has only hung up; TimeoutError: it hangs."""
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS) as connection,
        suppress(ConnectionError),
    ):
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        with closing(
            HTTPResponse(connection, method=request.partition(b" ")[0].decode("latin-1"))
        ) as response:
            response.begin()
            return reply_of(response)
    return None


def reply_of(response: HTTPResponse) -> Reply:
    body = response.read()
    if response.headers.get("Content-Encoding") == "gzip" and body:
        body = gzip.decompress(body)
    return Reply(response.status, response.headers.get("Content-Type", ""), body)


def head(
    method: bytes = b"POST",
    target: bytes = PATH.encode(),
    version: bytes = b"HTTP/1.1",
    headers: Iterable[tuple[bytes, bytes]] = ((b"Authorization", b"Bearer secret-key"),),
) -> bytes:
    lines = [b" ".join([method, target, version]), *(name + b": " + value for name, value in headers)]
    return b"\r\n".join([*lines, b"Host: x", b""])


def ask(server: Server, beginning: bytes, body: bytes) -> Reply:
    """The answer to what is HTTP to the letter."""
    reply = send(server, beginning + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert reply
    return reply


def assert_is_harmless(reply: Reply | None, request: bytes) -> None:
    """No error of ours, nothing that is not described, and no count for who has not sent the key."""
    if reply is None:
        return
    assert reply.status != 500
    if reply.content_type == JSON and reply.body:
        document = json.loads(reply.body)
        if document["status"] == "ERROR":
            assert problems(ERROR, document) == []
            assert reply.status in {400, 401, 404, 405, 413}
        else:
            assert reply.status == 200
            assert request.count(b"secret-key") >= 1
        assert b"secret-key" not in reply.body
    elif reply.content_type == "text/html; charset=utf-8":
        # The page at /, to GET and HEAD.
        assert reply.status == 200
        assert b"secret-key" not in reply.body
    elif reply.content_type.startswith("text/html"):
        # Gunicorn's own refusal of what is not HTTP.
        assert reply.status in {400, 414, 417, 431, 501}


def several_hundred(requests: int) -> effort:
    return effort(
        max_examples=requests,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


VALID = (
    head() + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    head() + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
)
NASTY = st.sampled_from(
    [b"", b"\0", b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"%", b"\xff\xfe", b"\xc2\x85", b"-1", b"9" * 5000]
)
TOKEN = st.text("!#$%&'*+-.^_`|~09AZaz", min_size=1, max_size=20).map(str.encode)
BYTES = st.binary(max_size=60)


@several_hundred(250)
@given(
    request=st.sampled_from(VALID),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8), BYTES | NASTY), min_size=1, max_size=4),
)
def test_a_request_with_bytes_put_in_and_taken_out_does_no_harm(
    server: Server, request: bytes, edits: list[tuple[float, int, bytes]]
) -> None:
    for place, taken, put in edits:
        at = round(place * len(request))
        request = request[:at] + put + request[at + taken :]

    assert_is_harmless(send(server, request), request)


NAMES = st.sampled_from(
    [
        b"Authorization",
        b"Accept-Encoding",
        b"Accept",
        b"Connection",
        b"Content-Encoding",
        b"Content-Length",
        b"Content-Type",
        b"Cookie",
        b"Expect",
        b"Forwarded",
        b"Host",
        b"HTTP2-Settings",
        b"If-None-Match",
        b"Path_Info",
        b"Range",
        b"Script-Name",
        b"TE",
        b"Trailer",
        b"Transfer-Encoding",
        b"Upgrade",
        b"X-Forwarded-For",
        b"X-Forwarded-Proto",
        b"X-HTTP-Method-Override",
    ]
)
VALUES = st.sampled_from(
    [
        b"Bearer secret-kex",
        b"Bearer \xff",
        b"Basic c2VjcmV0LWtleTo=",
        b"chunked",
        b"gzip, chunked",
        b"gzip;q=nan",
        b"gzip;q=1e999, *;q=-1",
        b"identity",
        b"multipart/form-data; boundary=x",
        b"application/x-www-form-urlencoded; charset=utf-7",
        b"100-continue",
        b"https",
        b"bytes=0-0",
        b"[::1]:99999",
        b"x" * 4000,
    ]
)
TARGETS = st.sampled_from(
    [
        b"/healthz",
        b"/metrics",
        b"/metrics?name[]=x&name[]=%ff",
        b"*",
        b"//x" + PATH.encode(),
        b"http://x" + PATH.encode(),
        PATH.encode() + b"?key=%00%ff",
        PATH.encode() + b"/../..",
        PATH.encode() + b"%0d%0aX:1",
        b"/%2e%2e/%c0%af",
        b"/" + b"a" * 3000,
    ]
)
METHODS = st.sampled_from([b"GET", b"HEAD", b"OPTIONS", b"PUT", b"TRACE", b"CONNECT", b"PRI", b"post"])
HEADERS = st.lists(st.tuples(NAMES | TOKEN, VALUES | BYTES), max_size=5)


@several_hundred(250)
@given(
    method=st.just(b"POST") | METHODS | TOKEN,
    target=st.just(PATH.encode()) | TARGETS | BYTES.map(b"/".__add__),
    version=st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b""]),
    headers=HEADERS,
    has_key=st.booleans(),
)
def test_no_method_path_version_or_header_does_harm(
    server: Server,
    method: bytes,
    target: bytes,
    version: bytes,
    headers: list[tuple[bytes, bytes]],
    *,
    has_key: bool,
) -> None:
    key = [(b"Authorization", b"Bearer secret-key")] if has_key else []
    request = head(method, target, version, key + headers) + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY

    assert_is_harmless(send(server, request), request)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "action": st.just("GET_SERVICES") | JSON_VALUES,
        "key": st.sampled_from(["secret-key", "ключР", "\ud800"]) | JSON_VALUES,
        "more": JSON_VALUES,
    },
).map(lambda value: json.dumps(value).encode())
CONTENTS = (
    st.just(BODY)
    | OBJECTS
    | BYTES
    | st.sampled_from([b"[" * 15_000, b"9" * 15_000, b'{"a":' * 3_000, b"\xef\xbb\xbf" + BODY, b" " * 17_000])
)


PACKINGS = {
    b"": bytes,
    b"identity": bytes,
    b"gzip": gzip.compress,
    b"x-gzip": lambda content: gzip.compress(content)[:-1],
    b"GZIP": lambda content: gzip.compress(content) * 2,
    b"deflate": bytes,
}
WRONG_SIZES = st.sampled_from([b"0x10", b"+1", b"1_0", b"-1", b"", b"\xff", b"9" * 30])
CHUNK_ENDS = st.sampled_from(
    [b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0;a=b\r\n\r\n", b"", b"zz\r\n", b"0\r\n\xff"]
)


@several_hundred(300)
@given(
    content=CONTENTS,
    packing=st.sampled_from(list(PACKINGS)),
    wrong_size=st.none() | st.integers(0, 20_000).map(lambda size: b"%d" % size) | WRONG_SIZES,
    chunk_end=st.none() | CHUNK_ENDS,
)
def test_no_body_or_encoding_does_harm(
    server: Server, content: bytes, packing: bytes, wrong_size: bytes | None, chunk_end: bytes | None
) -> None:
    content = PACKINGS[packing](content)
    beginning = head() + b"Content-Encoding: " + packing + b"\r\n"
    if chunk_end is None:
        size = wrong_size or b"%d" % len(content)
        request = beginning + b"Content-Length: " + size + b"\r\n\r\n" + content
    else:
        size = wrong_size or b"%x" % len(content)
        chunks = size + b"\r\n" + content + b"\r\n" + chunk_end
        request = beginning + b"Transfer-Encoding: chunked\r\n\r\n" + chunks

    assert_is_harmless(send(server, request), request)


@pytest.mark.parametrize("body", [b"zz\r\n", b"2\r\n{}", b"2\r\n{}xx0\r\n\r\n", b"2;\0\r\n{}\r\n0\r\n\r\n"])
def test_broken_chunks_are_a_body_that_did_not_arrive(server: Server, body: bytes) -> None:
    reply = send(server, head() + b"Transfer-Encoding: chunked\r\n\r\n" + body)

    assert reply
    assert (reply.status, reply.content_type) == (400, JSON)
    assert "did not arrive whole" in json.loads(reply.body)["error"]


def test_a_body_that_ends_early_is_not_called_wrong_json(server: Server) -> None:
    reply = send(server, head() + b"Content-Length: 300\r\n\r\n{")

    assert reply
    assert (reply.status, reply.content_type) == (400, JSON)
    assert "did not arrive whole" in json.loads(reply.body)["error"]


def test_a_key_whose_last_byte_is_a_space_in_latin_1_is_taken(server: Server) -> None:
    body = json.dumps({"action": "GET_SERVICES", "key": "ключР"}).encode()

    assert ask(server, head(headers=[(b"Authorization", "Bearer ключР".encode())]), body).status == 200

from __future__ import annotations

import gzip
import io
import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, abort
from hand_census import HandCensus, census_of
from marketplace import PUBLISHED_ANSWER

from onlinesim_rent.application import create_app
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import CensusError
from onlinesim_rent.web.body import BODY_LIMIT
from onlinesim_rent.web.rent import rent_blueprint

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from onlinesim_rent.settings import Settings

PATH = "/getServicesRent"
BEARER = {"Authorization": "Bearer secret-key"}
REQUEST = {"action": "GET_SERVICES", "key": "secret-key"}
BODY = json.dumps(REQUEST).encode()


def ask(client: FlaskClient, body: object = BODY, **headers: str | None) -> TestResponse:
    """The contract's request with other headers; None leaves one out."""
    wanted = {"Authorization": "Bearer secret-key", "Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    return client.post(PATH, data=body, headers=given)


def assert_is_error(response: TestResponse, status: int, text: str = "") -> None:
    assert response.status_code == status
    assert_has_our_headers(response)
    assert list(response.json) == ["countryList", "status", "error"]
    assert response.json["countryList"] == []
    assert response.json["status"] == "ERROR"
    assert text in response.json["error"]
    assert "secret" not in response.text


def assert_has_our_headers(response: TestResponse) -> None:
    assert response.headers.getlist("Content-Type") == ["application/json; charset=utf-8"]
    assert response.headers.getlist("Content-Length") == [str(len(response.data))]
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.headers["Cache-Control"] == "no-store"


# The answer


def test_the_published_example_is_answered(client: FlaskClient) -> None:
    response = ask(client)

    assert response.status_code == 200
    assert_has_our_headers(response)
    assert response.text == json.dumps(PUBLISHED_ANSWER)


def test_no_modules_are_a_success_with_an_empty_list(client: FlaskClient, census: HandCensus) -> None:
    census.census = census_of({})

    assert ask(client).json == {"countryList": [], "status": "SUCCESS"}


def test_the_deadline_counts_from_the_requests_arrival(census: HandCensus, settings: Settings) -> None:
    client = create_app(replace(settings, deadline_seconds=2.5), census).test_client()
    before = boot_clock()
    ask(client)
    after = boot_clock()

    [deadline] = census.deadlines
    assert before + 2.5 <= deadline <= after + 2.5


def test_each_request_asks_for_a_census(client: FlaskClient, census: HandCensus) -> None:
    ask(client)
    ask(client)

    assert len(census.deadlines) == 2


# Who asks


@pytest.mark.parametrize("header", ["bearer secret-key", "BEARER secret-key", "Bearer   secret-key "])
def test_the_scheme_ignores_case_and_the_key_ignores_spaces_around_it(
    client: FlaskClient, header: str
) -> None:
    assert ask(client, Authorization=header).status_code == 200


WRONG_HEADERS = [
    "",
    "secret-key",
    "Bearer",
    "Bearer ",
    "Bearer secret-ke",
    "Bearer secret-key2",
    "Bearer SECRET-KEY",
    "Bearer secret-key, Bearer secret-key",
    "Basic secret-key",
    "Token secret-key",
    "Bearer \xff\xfe",
]


@pytest.mark.parametrize("header", WRONG_HEADERS)
@pytest.mark.parametrize("required", [True, False])
def test_a_wrong_header_is_refused_in_both_modes(
    settings: Settings, census: HandCensus, header: str, *, required: bool
) -> None:
    client = create_app(replace(settings, authorization_required=required), census).test_client()

    response = ask(client, Authorization=header)

    assert_is_error(response, 401, "RENT_AUTHORIZATION")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="onlinesim-rent"'
    assert census.deadlines == []


def test_a_missing_header_is_refused_by_default(client: FlaskClient, census: HandCensus) -> None:
    response = ask(client, Authorization=None)

    assert_is_error(response, 401, "the Authorization header is missing; send a key of RENT_API_KEY ")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="onlinesim-rent"'
    assert census.deadlines == []


def test_the_body_key_is_enough_if_the_header_is_optional(settings: Settings, census: HandCensus) -> None:
    client = create_app(replace(settings, authorization_required=False), census).test_client()

    assert ask(client, Authorization=None).status_code == 200
    assert_is_error(ask(client, b'{"action": "GET_SERVICES"}', Authorization=None), 401)
    assert_is_error(ask(client, b'{"action": "GET_SERVICES", "key": "x"}', Authorization=None), 401)


@pytest.mark.parametrize("key", ["", "secret-ke", "secret-key ", "SECRET-KEY", "ключ", "\ud800"])
def test_a_wrong_key_in_the_body_is_refused(client: FlaskClient, census: HandCensus, key: str) -> None:
    response = ask(client, json.dumps(REQUEST | {"key": key}))

    assert_is_error(response, 401, "the key in the body is not a valid one; send a key of RENT_API_KEY ")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="onlinesim-rent"'
    assert census.deadlines == []


def test_a_missing_key_in_the_body_is_refused(client: FlaskClient) -> None:
    assert_is_error(ask(client, b'{"action": "GET_SERVICES"}'), 401, "the key is missing from the body")


@pytest.mark.parametrize("key", ["old", "new", "ключ"])
def test_every_key_is_valid_in_the_header_and_in_the_body(
    settings: Settings, census: HandCensus, key: str
) -> None:
    client = create_app(replace(settings, api_keys=("old", "new", "ключ")), census).test_client()
    in_latin_1 = key.encode().decode("latin-1")

    for body in (json.dumps(REQUEST | {"key": key}), json.dumps(REQUEST | {"key": key}, ensure_ascii=False)):
        assert ask(client, body, Authorization=f"Bearer {in_latin_1}").status_code == 200


def test_a_refusal_is_logged_once_with_the_address_and_no_key(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    ask(client, Authorization="Bearer another-key")

    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("401 to 127.0.0.1: ")
    assert "RENT_AUTHORIZATION" in record.getMessage()
    assert "another-key" not in caplog.text
    assert "secret-key" not in caplog.text


def test_a_stranger_is_refused_before_his_body_is_read(client: FlaskClient) -> None:
    assert_is_error(ask(client, b"x" * (BODY_LIMIT + 1), Authorization="Bearer x"), 401)


# What is asked


@pytest.mark.parametrize(
    "content_type", [None, "application/x-www-form-urlencoded", "text/plain", "nonsense"]
)
def test_any_content_type_is_taken(client: FlaskClient, content_type: str | None) -> None:
    assert ask(client, Content_Type=content_type).status_code == 200


@pytest.mark.parametrize("accept", ["text/html, image/gif, image/jpeg, *, application/json", "image/png", ""])
def test_any_accept_and_user_agent_are_taken(client: FlaskClient, accept: str) -> None:
    response = ask(client, Accept=accept, User_Agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64)")

    assert response.status_code == 200
    assert_has_our_headers(response)


def test_unknown_fields_are_ignored(client: FlaskClient) -> None:
    assert ask(client, json.dumps(REQUEST | {"version": 2, "extra": [None]})).status_code == 200


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the body is not JSON"),
        (b"action=GET_SERVICES&key=secret-key", "the body is not JSON"),
        (BODY.decode().encode("utf-16"), "the body is not JSON"),
        (b"[" * BODY_LIMIT, "the body is not JSON"),
        (b"[]", "the body is not a JSON object"),
        (b'"GET_SERVICES"', "the body is not a JSON object"),
        (b'{"key": "secret-key"}', "the action is missing"),
        (b'{"action": "GET_NUMBER", "key": "secret-key"}', "the action is not GET_SERVICES"),
        (b'{"action": "GET_NUMBER", "key": "x"}', "the action is not GET_SERVICES"),
        (b'{"action": 1, "key": "secret-key"}', "the action is not a string"),
        (b'{"action": "GET_SERVICES", "key": 1}', "the key is not a string"),
        (b'{"action": "GET_SERVICES", "key": null}', "the key is null, not a string"),
    ],
)
def test_a_wrong_body_is_refused_with_what_to_send(
    client: FlaskClient, census: HandCensus, body: bytes, problem: str
) -> None:
    response = ask(client, body)

    assert_is_error(response, 400, problem)
    assert response.json["error"].endswith(
        '; send the JSON object {"action": "GET_SERVICES", "key": "<apiKey>"}'
    )
    assert census.deadlines == []


# Sizes and packing


def padded(size: int) -> bytes:
    return BODY + b" " * (size - len(BODY))


def test_a_body_of_16_kib_is_taken_and_one_byte_more_is_not(client: FlaskClient) -> None:
    assert ask(client, padded(BODY_LIMIT)).status_code == 200
    assert_is_error(ask(client, padded(BODY_LIMIT + 1)), 413, "16 KiB")
    assert_is_error(ask(client, padded(BODY_LIMIT + 2)), 413, "16 KiB")


@pytest.mark.parametrize(
    ("size", "status"), [(BODY_LIMIT, 200), (BODY_LIMIT + 1, 413), (BODY_LIMIT * 9, 413)]
)
def test_a_body_without_an_announced_length_has_the_same_limit(
    client: FlaskClient, size: int, status: int
) -> None:
    chunked = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}

    response = client.post(
        PATH, input_stream=io.BytesIO(padded(size)), headers=BEARER, environ_overrides=chunked
    )

    assert response.status_code == status


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "X-Gzip"])
def test_a_packed_body_is_unpacked(client: FlaskClient, encoding: str) -> None:
    assert ask(client, gzip.compress(BODY), Content_Encoding=encoding).status_code == 200


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
def test_a_body_that_is_said_to_be_plain_is_taken_as_it_is(client: FlaskClient, encoding: str) -> None:
    assert ask(client, Content_Encoding=encoding).status_code == 200


def test_the_limit_holds_for_what_is_unpacked(client: FlaskClient) -> None:
    def pack_and_ask(size: int) -> TestResponse:
        return ask(client, gzip.compress(padded(size)), Content_Encoding="gzip")

    assert pack_and_ask(BODY_LIMIT).status_code == 200
    assert_is_error(pack_and_ask(BODY_LIMIT + 1), 413, "packed or unpacked")
    assert_is_error(pack_and_ask(10_000_000), 413, "packed or unpacked")


PACKED = gzip.compress(BODY)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(BODY, id="not packed"),
        pytest.param(PACKED[:-1], id="cut off in the trailer"),
        pytest.param(PACKED[: len(PACKED) // 2], id="cut off in the middle"),
        pytest.param(PACKED + b"x", id="followed by more"),
        pytest.param(PACKED + PACKED, id="twice"),
        pytest.param(PACKED[:-8] + bytes(4) + PACKED[-4:], id="a wrong checksum"),
        pytest.param(PACKED[:12] + b"\xff" * 8 + PACKED[20:], id="damaged"),
    ],
)
def test_a_packed_body_that_is_broken_is_refused(client: FlaskClient, body: bytes) -> None:
    assert_is_error(ask(client, body, Content_Encoding="gzip"), 400, "the body is not ")


@pytest.mark.parametrize("encoding", ["deflate", "br", "gzip, gzip", "identity, gzip"])
def test_any_other_packing_is_refused(client: FlaskClient, encoding: str) -> None:
    assert_is_error(ask(client, Content_Encoding=encoding), 400, "the Content-Encoding is not gzip")


@pytest.mark.parametrize(
    "accepted", ["gzip", "GZip", "gzip, deflate, br", "deflate, gzip;q=0.1", "*", "br, *;q=0.5"]
)
def test_the_answer_is_packed_when_gzip_is_accepted(client: FlaskClient, accepted: str) -> None:
    response = ask(client, Accept_Encoding=accepted)

    assert response.headers["Content-Encoding"] == "gzip"
    assert_has_our_headers(response)
    assert gzip.decompress(response.data) == ask(client).data


@pytest.mark.parametrize(
    "accepted", [None, "", "identity", "br", "gzip;q=0", "gzip;q=0.000, *", "*;q=0", "gzip;q=x"]
)
def test_the_answer_is_plain_when_gzip_is_not_accepted(client: FlaskClient, accepted: str | None) -> None:
    response = ask(client, Accept_Encoding=accepted)

    assert "Content-Encoding" not in response.headers
    assert_has_our_headers(response)
    assert response.json["status"] == "SUCCESS"


def test_an_error_is_packed_like_any_answer(client: FlaskClient) -> None:
    response = ask(client, Authorization=None, Accept_Encoding="gzip")

    assert response.status_code == 401
    assert_has_our_headers(response)
    assert json.loads(gzip.decompress(response.data))["status"] == "ERROR"


# Errors of every path and method


@pytest.mark.parametrize("path", ["/nowhere", "/getservicesrent", f"{PATH}/", "/static/x", "/%ff", "/a//b"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_any_other_path_is_not_found(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, base_url="http://localhost", method=method)

    assert_is_error(response, 404, "send POST /getServicesRent")


@pytest.mark.parametrize(("path", "status"), [(f"/{PATH}", 200), (f"{PATH}//", 404), ("//", 405), ("", 404)])
def test_no_path_is_redirected(client: FlaskClient, path: str, status: int) -> None:
    response = client.post(headers=BEARER, data=BODY, environ_overrides={"PATH_INFO": path})

    assert response.status_code == status
    assert_has_our_headers(response)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_any_other_method_is_not_allowed(client: FlaskClient, method: str) -> None:
    response = client.open(PATH, method=method, headers=BEARER, data=BODY)

    assert_is_error(response, 405, "send POST /getServicesRent")
    assert response.headers["Allow"] == "POST"


def test_head_is_not_allowed_and_has_no_body(client: FlaskClient) -> None:
    response = client.head(PATH)

    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert response.data == b""


@pytest.mark.parametrize("host", ["", "a b", "[::1", "host:port", "\xff"])
def test_any_host_is_answered(client: FlaskClient, host: str) -> None:
    assert ask(client, Host=host).status_code == 200


def test_a_failed_census_is_an_error_of_the_contract(
    client: FlaskClient, census: HandCensus, caplog: pytest.LogCaptureFixture
) -> None:
    census.failure = CensusError("no port could be opened; see RENT_PORTS")

    response = ask(client)

    assert_is_error(response, 200)
    assert response.json["error"] == "no port could be opened; see RENT_PORTS"
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "no port could be opened" in record.getMessage()


def test_an_unexpected_error_is_logged_and_not_shown_to_the_caller(
    client: FlaskClient, census: HandCensus, caplog: pytest.LogCaptureFixture
) -> None:
    census.failure = ZeroDivisionError("secret of ours")

    assert_is_error(ask(client), 500, "internal error; the log has the details")

    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info
    assert record.exc_info[1] is census.failure


# In a partner's own application


@pytest.fixture
def partner(settings: Settings, census: HandCensus) -> FlaskClient:
    """An application with pages, limits and error pages of its own, and our route among them."""
    app = Flask("partner")
    app.config["MAX_CONTENT_LENGTH"] = 10

    @app.get("/page")
    def page() -> Any:
        abort(418)

    def shows_its_own(error: Any) -> tuple[str, int]:
        return f"the partner's {error.code}", error.code

    for status in (400, 404, 405, 413, 418):
        app.register_error_handler(status, shows_its_own)
    app.register_blueprint(rent_blueprint(settings, census), url_prefix="/marketplace")
    return app.test_client()


def ask_partner(partner: FlaskClient, body: bytes = BODY) -> TestResponse:
    return partner.post(f"/marketplace{PATH}", data=body, headers=BEARER)


def test_the_blueprint_answers_in_a_partners_own_application(partner: FlaskClient) -> None:
    response = ask_partner(partner)

    assert response.status_code == 200
    assert_has_our_headers(response)
    assert response.json["status"] == "SUCCESS"


def test_a_partners_own_pages_keep_their_errors(partner: FlaskClient) -> None:
    assert partner.get("/page").text == "the partner's 418"
    assert partner.get("/nowhere").text == "the partner's 404"
    assert partner.get(f"/marketplace{PATH}").text == "the partner's 405"


def test_a_mounted_route_has_our_errors_and_our_limit(partner: FlaskClient, census: HandCensus) -> None:
    assert_is_error(ask_partner(partner, b"[]"), 400)
    assert_is_error(ask_partner(partner, padded(BODY_LIMIT + 1)), 413)
    assert_is_error(ask_partner(partner, padded(BODY_LIMIT + 2)), 413)
    assert_is_error(partner.post(f"/marketplace{PATH}"), 401)
    census.failure = ZeroDivisionError()
    assert_is_error(ask_partner(partner), 500)


def test_a_caller_who_leaves_during_the_body_gets_our_error_too(partner: FlaskClient) -> None:
    class Broken(io.BytesIO):
        def readinto(self, _: Any) -> int:
            raise ConnectionResetError

    response = partner.post(
        f"/marketplace{PATH}",
        input_stream=Broken(),
        headers=BEARER,
        environ_overrides={"wsgi.input_terminated": True},
    )

    assert_is_error(response, 400)

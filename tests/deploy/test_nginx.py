"""The shipped site: curl over TLS, through nginx, to gunicorn on a unix socket."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import pytest
from proxies import SITE, Application, Caller, Proxy, nginx, nginx_command
from servers import PATIENCE_SECONDS

from modem_simulator import SimulatedBank, live_bank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers import Server

PATH = "/getServicesRent"
BODY = json.dumps({"action": "GET_SERVICES", "key": "secret-key"})
BEARER = ("-H", "Authorization: Bearer secret-key")
BASIC = ("--user", "anybody:secret-key")
JSON = ("-H", "Content-Type: application/json")
CORRECT = (*BEARER, *JSON, "--data", BODY)
MARKETPLACE_SECONDS = 10.0
PROMPT_SECONDS = 3.0
"""In which a request that waits for nobody else is answered, however busy the machine is."""

pytestmark = pytest.mark.needs("nginx", "openssl", "curl")


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Site(NamedTuple):
    proxy: Proxy
    application: Application


@pytest.fixture
def directory() -> Iterator[Path]:
    # Not pytest's own, whose name can be longer than a unix socket's may be (unix(7)).
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One site for all tests that do not change it."""
    with TemporaryDirectory() as name:
        yield from serve(Path(name))


@pytest.fixture
def own_site(directory: Path) -> Iterator[Site]:
    yield from serve(directory)


def serve(directory: Path, shipped: Path = SITE, **variables: str) -> Iterator[Site]:
    # Nothing listens on the port of the partner's own endpoint.
    application = Application(directory, RENT_SERVICES_URL="http://127.0.0.1:1/", **variables)
    try:
        application.start()
        with nginx(directory, shipped) as proxy:
            yield Site(proxy, application)
    finally:
        application.close()


@pytest.fixture(scope="module", autouse=True)
def unanswered() -> Iterator[subprocess.Popen[bytes]]:
    """A request to a service that hangs. It takes ten seconds, so it is sent first."""
    with TemporaryDirectory() as name:
        application = Application(Path(name))  # listens, and nobody takes a request
        try:
            with nginx(Path(name)) as proxy:
                url = f"https://localhost:{proxy.port}{PATH}"
                shown = ("--include", "--write-out", " %{time_total}", "--cacert", str(proxy.certificate))
                asking = subprocess.Popen(
                    ["curl", "--silent", "--ipv4", *shown, *CORRECT, url], stdout=subprocess.PIPE
                )
                yield asking
                asking.kill()
                asking.communicate()
        finally:
            application.close()


@pytest.fixture
def address() -> str:
    """An address only for this test, so that its requests do not count against another test's limit."""
    return next_address()


def curl(proxy: Proxy, path: str, *options: str, scheme: str = "https") -> Answer:
    url = f"{scheme}://localhost:{proxy.port}{path}"
    shown = run_curl("--include", "--ipv4", "--path-as-is", "--cacert", str(proxy.certificate), *options, url)
    head, _, body = shown.partition(b"\r\n\r\n")
    return answer_of(head, body)


def run_curl(*options: str) -> bytes:
    command = ["curl", "--silent", "--show-error", "--max-time", "15", *options]
    return subprocess.run(command, check=True, capture_output=True).stdout


def answer_of(head: bytes, body: bytes) -> Answer:
    status, *fields = head.decode("latin-1").split("\r\n")
    headers = dict(field.split(": ", 1) for field in fields)
    return Answer(int(status.split()[1]), headers, body)


def connect(proxy: Proxy) -> ssl.SSLSocket:
    trust = ssl.create_default_context(cafile=str(proxy.certificate))
    plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_SECONDS)
    return trust.wrap_socket(plain, server_hostname="localhost")


def is_the_contracts_error(answer: Answer) -> bool:
    document = json.loads(answer.body)
    return (
        answer.headers["Content-Type"] == "application/json; charset=utf-8"
        and sorted(document) == ["countryList", "error", "status"]
        and (document["countryList"], document["status"]) == ([], "ERROR")
    )


def test_nginx_finds_no_fault_with_the_site(directory):
    with nginx(directory):
        checked = subprocess.run(nginx_command(directory, "-t"), check=False, capture_output=True, text=True)
    assert checked.returncode == 0
    assert "warn" not in checked.stderr


def test_a_request_is_answered(site):
    answer = curl(site.proxy, PATH, *CORRECT)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(answer.body)["status"] == "SUCCESS"
    assert json.loads(answer.body)["countryList"][0]["operatorMap"]["any"] == {"rent": 19}


def test_gzip_is_taken_and_given(site, directory):
    packed = directory / "packed"
    packed.write_bytes(gzip.compress(BODY.encode()))
    plain = curl(site.proxy, PATH, *CORRECT)

    answer = curl(
        site.proxy,
        PATH,
        *(*BEARER, *JSON, "--data-binary", f"@{packed}"),
        *("-H", "Content-Encoding: gzip", "-H", "Accept-Encoding: gzip"),
    )

    assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")
    assert gzip.decompress(answer.body) == plain.body
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_thirty_requests_at_once_are_answered(site, address):
    with ThreadPoolExecutor(30) as marketplace:
        ask = lambda _: curl(site.proxy, PATH, *CORRECT, "--interface", address)  # noqa: E731
        assert {answer.status for answer in marketplace.map(ask, range(30))} == {200}


def test_a_wrong_key_is_401_in_the_services_own_words(site):
    answer = curl(site.proxy, PATH, "-H", "Authorization: Bearer wrong", *JSON, "--data", BODY)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="onlinesim-rent"'
    assert is_the_contracts_error(answer)
    assert "RENT_AUTHORIZATION" in json.loads(answer.body)["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/healthz",
        "/metrics",
        "/status",
        "/error",
        "/getServicesRent/",
        "/getServicesRent/../metrics",
        "/getServicesRent%2f..%2fmetrics",
        "/getServicesRent%00",
        "/getServicesRent%0a",
        "/getServices/",
        "/GETSERVICESRENT",
        "/../../etc/passwd",
    ],
)
def test_only_the_path_of_the_contract_exists(site, address, path):
    for method in ("GET", "POST"):
        answer = curl(site.proxy, path, "--request", method, *CORRECT, "--interface", address)
        assert answer.status in ({404} if "%00" not in path and "/../.." not in path else {400, 404})
        assert is_the_contracts_error(answer)
    curl(site.proxy, PATH, *CORRECT, "--interface", address)
    first = site.application.server.stdout.until(rf' "{address}" "(.*?) HTTP')
    assert first[1] == f"POST {PATH}"


def test_the_shared_endpoint_is_published_too(site, address):
    answer = curl(site.proxy, "/getServices?key=secret-key", *CORRECT, "--interface", address)
    assert answer.status == 200
    assert "RENT_SERVICES_URL takes no connection" in json.loads(answer.body)["error"]
    site.application.server.stdout.until(rf' "{address}" "POST /getServices HTTP/1.1" 200 ')
    curl(site.proxy, PATH, *CORRECT)
    assert f'{address} "POST /getServices" 200 ' in site.proxy.access_log.read_text()


def test_a_request_that_comes_back_through_the_proxy_is_known(site):
    answer = curl(site.proxy, "/getServices", *CORRECT, "-H", "Via: 1.1 onlinesim-rent")
    assert "leads back to this service" in json.loads(answer.body)["error"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW", "X"])
def test_another_method_is_405_and_told_which_is_allowed(site, method):
    options = ["--head"] if method == "HEAD" else ["--request", method]
    answer = curl(site.proxy, PATH, *options)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert method == "HEAD" or is_the_contracts_error(answer)


def test_a_body_is_limited_as_the_service_limits_it(site):
    largest = BODY + " " * (16 * 1024 - len(BODY))
    assert curl(site.proxy, PATH, *BEARER, *JSON, "--data-raw", largest).status == 200
    for coding in ("Transfer-Encoding: chunked", "X-Not: chunked"):
        answer = curl(site.proxy, PATH, *BEARER, *JSON, "-H", coding, "--data-raw", largest + " ")
        assert answer.status == 413
        assert is_the_contracts_error(answer)


@pytest.mark.parametrize(
    ("status", "options"),
    {
        "a header that is too large": (400, ["-H", f"X-Large: {'x' * 4096}"]),
        "headers that are too large together": (400, [f"-HX-{n}: {'x' * 2048}" for n in range(16)]),
        "a host that is none": (400, ["-H", "Host: a b"]),
        "a length that is none": (400, ["-H", "Content-Length: x"]),
        "a coding that is none": (501, ["-H", "Transfer-Encoding: x"]),
    }.values(),
)
def test_a_malformed_request_is_an_error_of_the_contract(site, status, options):
    answer = curl(site.proxy, PATH, *CORRECT, *options)
    assert answer.status == status
    assert is_the_contracts_error(answer)


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (400, b"no HTTP\r\n\r\n"),
        (400, b"\x16\x03\x01\r\n\r\n"),
        (400, b"GET /%zz HTTP/1.1\r\n\r\n"),
        (414, b"GET /" + b"x" * 8192 + b" HTTP/1.1\r\n\r\n"),
        (505, b"GET / HTTP/3.0\r\n\r\n"),
    ],
)
def test_a_malformed_request_gets_the_error_of_the_contract(site, status, line):
    with connect(site.proxy) as connection:
        connection.sendall(line)
        answer = answer_of(*read_all(connection).split(b"\r\n\r\n"))
    assert answer.status == status
    assert is_the_contracts_error(answer)


def read_all(connection: ssl.SSLSocket) -> bytes:
    content = b""
    while piece := connection.recv(65536):
        content += piece
    return content


def test_a_request_without_tls_is_an_error_of_the_contract(site):
    answer = curl(site.proxy, PATH, *CORRECT, scheme="http")
    assert answer.status == 400
    assert is_the_contracts_error(answer)


@pytest.mark.parametrize(
    "name", ["Authorization", "Content-Type", "Content-Encoding", "Accept-Encoding", "Via"]
)
@pytest.mark.parametrize("value", ["\x01", "\x1f", "\x7f", "é", "x" * 2900, "a\tb", ",", '"'])
def test_no_header_makes_gunicorn_send_its_own_error_page(site, name, value):
    answer = curl(site.proxy, PATH, *CORRECT, "-H", f"{name}: {value}")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


def test_the_log_has_the_real_address_of_the_client(site, address):
    curl(
        site.proxy,
        f"{PATH}?key=secret-key",
        *(*CORRECT, "--interface", address),
        *("-H", "X-Forwarded-For: 192.0.2.7", "-H", "X-Real-IP: 192.0.2.7", "-H", "Forwarded: for=192.0.2.7"),
    )

    site.application.server.stdout.until(rf' "{address}" "POST {PATH} HTTP/1.1" 200 ')
    curl(site.proxy, f"{PATH}/secret-key", *CORRECT, "--interface", address)
    curl(site.proxy, "/", *CORRECT, "--request", "SECRETKEY", "--interface", address)
    # nginx writes a line when it is done with the request, and before it takes the next one.
    curl(site.proxy, PATH, *CORRECT)
    logged = site.proxy.access_log.read_text()
    assert f'{address} "POST {PATH}" 200 ' in logged
    assert f'{address} "POST (unknown path)" 404 ' in logged
    assert f'{address} "(unknown)" 404 ' in logged
    everything = logged + site.application.server.stdout.text + site.application.server.stderr.text
    assert "192.0.2.7" not in everything
    assert "secret" not in everything.lower()


def test_only_the_address_that_floods_the_path_must_wait(site, address):
    began = time.monotonic()
    junk = subprocess.Popen(
        [
            *("curl", "--silent", "--cacert", str(site.proxy.certificate), "--ipv4"),
            *("--interface", address, "--rate", "200/s", "--data", "junk"),
            *("--output", "/dev/null", "--write-out", "%{http_code}\n"),
            f"https://localhost:{site.proxy.port}{PATH}?[1-600]",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    seconds = []
    while junk.poll() is None:
        asked = time.monotonic()
        assert curl(site.proxy, PATH, *CORRECT, "--interface", next_address()).status == 200
        seconds.append(time.monotonic() - asked)
    statuses = Counter(junk.communicate()[0].split())

    assert max(seconds) < PROMPT_SECONDS
    assert time.monotonic() - began > 2
    assert statuses.keys() == {"401", "429"}
    assert statuses["429"] > 500
    told = curl(site.proxy, PATH, *CORRECT, "--interface", address)
    while told.status != 429:
        told = curl(site.proxy, PATH, *CORRECT, "--interface", address)
    assert told.headers["Retry-After"] == "1"
    assert is_the_contracts_error(told)


def next_address() -> str:
    number = next(Caller.ADDRESSES)
    return f"127.3.{number // 250 % 256}.{number % 250 + 1}"


def test_a_client_that_trickles_keeps_nothing_for_long(site):
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret-key\r\n".encode()
    slow_body = head + b"Content-Length: 60\r\n\r\n{"
    with ThreadPoolExecutor(20) as clients:
        began = time.monotonic()
        slow = [clients.submit(trickle, site.proxy, head, b"X") for _ in range(10)]
        slow += [clients.submit(trickle, site.proxy, slow_body, b"") for _ in range(10)]
        while not all(client.done() for client in slow):
            asked = time.monotonic()
            assert curl(site.proxy, PATH, *CORRECT, "--interface", next_address()).status == 200
            assert time.monotonic() - asked < PROMPT_SECONDS
        assert time.monotonic() - began < MARKETPLACE_SECONDS
    assert {client.result() for client in slow} == {b""}


def trickle(proxy: Proxy, beginning: bytes, drop: bytes) -> bytes:
    """Return the answer to an endless request that sends a little every 0.2 seconds."""
    with connect(proxy) as connection:
        connection.sendall(beginning)
        connection.settimeout(0.2)
        while True:
            try:
                return connection.recv(1)
            except TimeoutError:
                pass
            except ConnectionError:
                return b""
            try:
                connection.sendall(drop)
            except OSError:
                return b""


def test_without_the_service_the_answer_is_502(directory):
    with nginx(directory) as proxy:
        answer = curl(proxy, PATH, *CORRECT)
    assert answer.status == 502
    assert is_the_contracts_error(answer)


def test_a_hanging_service_is_504_before_the_marketplace_ends(unanswered):
    shown, _, seconds = unanswered.communicate(timeout=PATIENCE_SECONDS)[0].rpartition(b" ")
    head, _, body = shown.partition(b"\r\n\r\n")
    [milliseconds] = re.findall(r"^ +proxy_read_timeout (\d+)ms;", SITE.read_text(), re.MULTILINE)
    granted = int(milliseconds) / 1000
    assert granted < MARKETPLACE_SECONDS
    # nginx asks once: a second time would end after twice as long.
    assert granted <= float(seconds) < 2 * granted
    assert answer_of(head, body).status == 504
    assert is_the_contracts_error(answer_of(head, body))


def test_the_local_site_serves_only_health_and_metrics(site):
    assert ask_as_the_host(site, "/healthz").body == b"ok\n"
    assert b"\nonlinesim_rent_census_failed 0.0\n" in ask_as_the_host(site, "/metrics").body
    assert ask_as_the_host(site, PATH, *CORRECT).status == 404


@pytest.mark.parametrize("path", ["/", "/status"])
def test_the_shipped_site_shows_no_page_for_people(site, path):
    assert curl(site.proxy, path, *BEARER).status == 404
    assert ask_as_the_host(site, path, *BEARER).status == 404


@pytest.fixture(scope="module")
def status_site() -> Iterator[Site]:
    """The site with its commented blocks switched on, as its comment says."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        text = re.sub(r"^( *)#(?=\S)", r"\1", SITE.read_text(), flags=re.MULTILINE)
        assert text.count("location = /status {") == 2
        (directory / "switched-on").write_text(text)
        yield from serve(directory, directory / "switched-on", RENT_STATUS_PAGE="1")


def test_with_its_block_switched_on_the_site_shows_the_status_page(status_site, address):
    shown = curl(status_site.proxy, "/status", *BASIC, "--interface", address)
    paused = curl(status_site.proxy, "/status?x=1&renew=off", *BASIC, "--interface", address)
    assert (shown.status, paused.status) == (200, 200)
    assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert b'http-equiv="refresh"' in shown.body
    assert b'http-equiv="refresh"' not in paused.body
    assert ask_as_the_host(status_site, "/status", *BASIC).status == 200


def test_the_published_status_page_needs_the_key(status_site, address):
    for wrong in ((), ("--user", "anybody:wrong"), ("-H", "Authorization: Bearer wrong")):
        answer = curl(status_site.proxy, "/status?key=secret-key", *wrong, "--interface", address)
        assert answer.status == 401
        assert is_the_contracts_error(answer)
    assert curl(status_site.proxy, "/", *BASIC, "--interface", address).status == 404
    posted = curl(status_site.proxy, "/status", *BASIC, "--data", "secret-key", "--interface", address)
    assert (posted.status, set(posted.headers["Allow"].split(", "))) == (405, {"GET", "HEAD"})
    # nginx writes a line when it is done with the request, and before it takes the next one.
    curl(status_site.proxy, "/status", *BASIC)
    logged = status_site.proxy.access_log.read_text() + status_site.application.server.stdout.text
    assert f'{address} "GET /status" 401 ' in logged
    assert "secret" not in logged


def ask_as_the_host(site: Site, path: str, *options: str) -> Answer:
    socket_path = str(site.proxy.host_socket)
    shown = run_curl("--include", "--unix-socket", socket_path, *options, f"http://localhost{path}")
    head, _, body = shown.partition(b"\r\n\r\n")
    return answer_of(head, body)


class Load:
    """Streams of requests, on kept and on new connections, until they are told to end."""

    def __init__(self, proxy: Proxy) -> None:
        self._ends = False
        self._answered = 0
        self._grown = threading.Condition()
        self._pool = ThreadPoolExecutor(6)
        callers = [Caller(proxy, keepalive=bool(number % 2)) for number in range(6)]
        self._streams = [self._pool.submit(self._stream, caller) for caller in callers]

    def goes_on(self) -> None:
        """Wait until many more requests have been answered, or one has failed."""
        with self._grown:
            enough = self._answered + 60
            self._grown.wait_for(lambda: self._answered >= enough or self._ends, PATIENCE_SECONDS)

    def end(self) -> Counter[bytes]:
        """Return how often each answer came; raise what a request raised."""
        self._ends = True
        with self._pool:
            return sum((stream.result() for stream in self._streams), Counter())

    def _stream(self, caller: Caller) -> Counter[bytes]:
        answers: Counter[bytes] = Counter()
        try:
            while not self._ends:
                answers[caller.ask()] += 1
                with self._grown:
                    self._answered += 1
                    self._grown.notify_all()
        except BaseException:
            self._ends = True
            raise
        finally:
            caller.close()
        return answers


def test_reloads_lose_no_request(own_site):
    server = own_site.application.server
    load = Load(own_site.proxy)
    for _ in range(2):
        load.goes_on()
        old = server.workers()
        server.process.send_signal(signal.SIGHUP)
        for worker in old:
            server.stderr.until(rf"Worker exiting \(pid: {worker}\)")
    load.goes_on()
    assert len(load.end()) == 1


def test_a_restart_loses_no_request(own_site):
    load = Load(own_site.proxy)
    load.goes_on()
    assert own_site.application.server.stop() == 0
    own_site.application.start()
    load.goes_on()
    assert len(load.end()) == 1


def test_a_request_whose_worker_is_killed_is_sent_to_another(directory):
    slow = [replace(module, latency=0.3) for module in live_bank(4, 0.0)]
    with SimulatedBank(slow) as bank, ThreadPoolExecutor(1) as callers:
        runtime = str(directory / "runtime")
        application = Application(directory, "wsgi:app", RENT_PORTS=bank.ports, RENT_RUNTIME_DIR=runtime)
        try:
            server = application.start()
            with nginx(directory) as proxy:
                asked = callers.submit(curl, proxy, PATH, *CORRECT)
                wait_until_modules_are_asked(bank)
                kill_workers(server)
                answer = asked.result()
        finally:
            application.close()
    assert answer.status == 200
    assert (
        sum(country["operatorMap"]["any"]["rent"] for country in json.loads(answer.body)["countryList"]) == 4
    )


def wait_until_modules_are_asked(bank: SimulatedBank) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not any(port["commands"] for port in bank.stats()["ports"].values()):
        assert time.monotonic() < ends


def kill_workers(server: Server) -> None:
    """Kill every worker, and wait until gunicorn has noticed."""
    for worker in server.workers():
        os.kill(worker, signal.SIGKILL)
        server.stderr.until(rf"Worker \(pid:{worker}\) was sent SIGKILL")


def test_kept_connections_to_killed_workers_lose_no_request(own_site):
    with ThreadPoolExecutor(8) as marketplace:
        ask = lambda _: curl(own_site.proxy, PATH, *CORRECT).status  # noqa: E731
        assert set(marketplace.map(ask, range(8))) == {200}
        kill_workers(own_site.application.server)
        assert set(marketplace.map(ask, range(8))) == {200}

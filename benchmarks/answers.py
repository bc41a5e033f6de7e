"""How many answers a second the service gives from a kept census, and how long 30 callers wait for a new one.

Each row has its own gunicorn with the shipped settings. The rows take many short turns, and each turn is
compared with the bare view in the same round, so a busy moment of the machine affects all rows alike. A turn
in which one worker got nearly all connections is taken again: then the other worker has nothing to do.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from banks import Bank
from census import COMMANDS
from claims import CLAIMS, make_claims
from figures import Bar, Part, Spread, Table
from progress import Tell
from served import KEY, PROJECT, PYTHON_PATH, Served, gunicorn
from wrk import CONNECTIONS, Answers, ask

sys.path.append(str(PROJECT / "tests" / "support"))
from proxies import SITE, Application, nginx

PORTS = (1, 64, 512, 2000)
BARE = "a bare Flask view"
RAW = "a raw WSGI function"
BEHIND_NGINX = f"{PORTS[-1]:,} ports, through nginx with TLS"
ROUNDS = 7
SECONDS = 1
TRIES = 5
LEAST_OF_BARE = 0.85
MOST_P99 = 25.0
CALLERS = 30
BURSTS = 5
CACHE_SECONDS = 1


def warm(tell: Tell, *, has_nginx: bool) -> Part:
    """Measure answers from a kept census."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(dir="/dev/shm")))
        urls = _servers(stack, directory, has_nginx=has_nginx)
        rounds = []
        for number in range(ROUNDS + 1):
            tell(f"answers from a kept census, round {number} of {ROUNDS}")
            rounds.append({name: _turn(url, server, directory) for name, (url, server) in urls.items()})
    # The first round only warms up.
    return _part(rounds[1:])


def _turn(url: str, server: Served | None, directory: Path) -> Answers:
    """Ask one server for a second, and again if its workers did not share the work."""
    if not server:
        return ask(url, SECONDS, directory)
    for _ in range(TRIES):
        before = server.processor_seconds()
        answers = ask(url, SECONDS, directory, server)
        used = [now - then for now, then in zip(server.processor_seconds(), before, strict=True)]
        if min(used) > max(used) / 2:
            break
    return answers


def cold(tell: Tell) -> Part:
    """Measure 30 callers at once who all wait for a new census."""
    tell(f"{CALLERS} callers at once who wait for a new census")
    bank = Bank(64, 0.05)
    variables = {"RENT_CACHE_SECONDS": f"{CACHE_SECONDS}"}
    with (
        bank.serve() as ports,
        TemporaryDirectory(dir="/dev/shm") as runtime,
        gunicorn("wsgi:app", RENT_PORTS=ports, RENT_RUNTIME_DIR=runtime, **variables) as server,
        ThreadPoolExecutor(CALLERS) as callers,
    ):
        server.ask()
        waited: list[float] = []
        for _ in range(BURSTS):
            time.sleep(CACHE_SECONDS)  # until no census is kept
            waited += callers.map(_seconds, [server] * CALLERS)
    floor = COMMANDS * bank.latency
    median, p99 = statistics.median(waited), statistics.quantiles(waited, n=100)[98]
    table = Table(
        "Thirty callers who wait for a new census",
        f"{bank.size} modules at 50 ms a reply, {BURSTS} bursts of {CALLERS} callers, while none is kept. "
        "The floor is one module's dialogue.",
        ["callers at once", "median, s", "p99, s", "p99 in floors"],
        [[f"{CALLERS}", f"{median:.2f}", f"{p99:.2f}", f"{p99 / floor:.2f}"]],
    )
    return Part([table])


def _seconds(server: Served) -> float:
    began = time.perf_counter()
    server.ask()
    return time.perf_counter() - began


def _servers(stack: ExitStack, directory: Path, *, has_nginx: bool) -> dict[str, tuple[str, Served | None]]:
    """Start what is compared; return where each answers, and the gunicorn that wrk asks directly."""
    claims = str(make_claims(directory))
    urls: dict[str, tuple[str, Served | None]] = {}

    def served(app: str, ports: int = 0, **variables: str) -> tuple[str, Served]:
        variables |= _kept(ports, directory / f"runtime{len(urls)}")
        server = stack.enter_context(gunicorn(app, **variables))
        server.ask()
        return f"http://127.0.0.1:{server.port}", server

    for ports in PORTS:
        urls[f"{ports:,} ports" if ports > 1 else "1 port"] = served("answering:service()", ports)
    with_claims = f"{PORTS[-1]:,} ports, {CLAIMS:,} claims"
    urls[with_claims] = served("answering:service()", PORTS[-1], RENT_CLAIMS_DIR=claims)
    if has_nginx:
        urls[BEHIND_NGINX] = stack.enter_context(_behind_nginx(directory, PORTS[-1])), None
    urls[BARE] = served("answering:bare()")
    urls[RAW] = served("answering:raw()")
    return urls


@contextmanager
def _behind_nginx(directory: Path, ports: int) -> Iterator[str]:
    """Serve behind nginx with the shipped site. One address may ask more often: wrk has only one."""
    limit = "rate=5r/s"
    shipped = SITE.read_text()
    assert limit in shipped
    site = directory / "unlimited"
    site.write_text(shipped.replace(limit, "rate=1000000r/s"))
    kept = _kept(ports, directory / "runtime-behind-nginx")
    application = Application(
        directory, "answering:service()", PYTHONPATH=PYTHON_PATH, RENT_API_KEY=KEY, **kept
    )
    try:
        application.start()
        with nginx(directory, site) as proxy:
            yield f"https://127.0.0.1:{proxy.port}"
    finally:
        application.close()


def _kept(ports: int, runtime: Path) -> dict[str, str]:
    """Return the settings for a census of so many ports that is kept."""
    return {
        "BENCHMARK_PORTS": str(ports),
        "RENT_RUNTIME_DIR": str(runtime),
        "RENT_CACHE_SECONDS": "60",
        "RENT_LOG_LEVEL": "warning",
    }


def _part(rounds: list[dict[str, Answers]]) -> Part:
    """Compare each row with the bare view in the same round."""
    rows, bars = [], []
    for name in rounds[0]:
        measured = [each[name] for each in rounds]
        of_bare = Spread.of(each[name].a_second / each[BARE].a_second for each in rounds)
        a_second = Spread.of(answers.a_second for answers in measured)
        p50 = statistics.median(answers.p50 for answers in measured)
        p99 = statistics.median(answers.p99 for answers in measured)
        rows.append([name, of_bare.written(".2f"), a_second.written(".0f"), f"{p50:.1f}", f"{p99:.1f}"])
        if name not in {BARE, RAW, BEHIND_NGINX}:
            goal = f"{name}: at least {LEAST_OF_BARE} of the bare view, p99 below {MOST_P99:g} ms"
            is_met = of_bare.median >= LEAST_OF_BARE and p99 < MOST_P99
            bars.append(Bar(goal, f"{of_bare.median:.2f}, {p99:.1f} ms", is_met))
    return Part([_table(rows)], bars)


def _table(rows: list[list[str]]) -> Table:
    return Table(
        "Answers from a kept census",
        f"wrk asks on {CONNECTIONS} connections and takes part of the same processors. The bare view parses "
        "the same body, compares both keys and returns constant bytes; the raw function reads the body and "
        f"returns them. p50 and p99 are in milliseconds. Medians of {ROUNDS} rounds (least to most).",
        ["census of", "of the bare view", "answers a second", "p50", "p99"],
        rows,
    )

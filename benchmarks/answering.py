"""The applications that answers.py measures. Gunicorn imports them."""

from __future__ import annotations

import hmac
import json
import os
from typing import TYPE_CHECKING

from flask import Flask, Response, abort, request

from onlinesim_rent.application import create_app
from onlinesim_rent.census.cache import CensusCache
from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.finding import Verdict
from onlinesim_rent.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

NETWORKS = [
    ("russia", "beeline"),
    ("russia", "megafon"),
    ("ukraine", "kyivstar"),
    ("ukraine", "life"),
    ("ukraine", "vodafone"),
]
"""The networks of the contract's published example."""

ANSWER = json.dumps(
    {
        "countryList": [{"country": "russia", "operatorMap": {"any": {"rent": 1}, "beeline": {"rent": 1}}}],
        "status": "SUCCESS",
    }
).encode()


def service() -> Flask:
    """Make the service with a ready census of BENCHMARK_PORTS ports, without modules."""
    settings = Settings.from_env()
    claims = ClaimsDirectory(settings.claims_dir)
    census = census_of(int(os.environ["BENCHMARK_PORTS"]), claims.current().fingerprint)
    cache = CensusCache(
        settings.runtime_dir,
        settings.cache_seconds,
        lambda _: census,
        record=lambda _before, _now: None,
        claims=lambda: claims.current().fingerprint,
    )
    return create_app(settings, cache)


def bare() -> Flask:
    """Make a bare Flask view: it parses the body, compares both keys and returns constant bytes."""
    app = Flask(__name__, static_folder=None)
    key = os.environ["RENT_API_KEY"].encode()

    @app.post("/getServicesRent")
    def get_services_rent() -> Response:
        asked = json.loads(request.get_data())
        header = request.headers["Authorization"].encode()
        is_known = hmac.compare_digest(header, b"Bearer " + key)
        if not (hmac.compare_digest(asked["key"].encode(), key) and is_known):
            abort(401)
        return Response(ANSWER, content_type="application/json; charset=utf-8")

    return app


def raw() -> WSGIApplication:
    """Make a WSGI function that reads the body and returns constant bytes: what gunicorn itself can do."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        environ["wsgi.input"].read()
        length = ("Content-Length", str(len(ANSWER)))
        start_response("200 OK", [("Content-Type", "application/json; charset=utf-8"), length])
        return [ANSWER]

    return answer


def census_of(ports: int, claims: str) -> Census:
    """Make a census in which every port is an available number."""
    return Census(
        tuple(
            PortReport(f"/dev/ttyUSB{number}", Verdict.AVAILABLE, "", 0.4, *NETWORKS[number % len(NETWORKS)])
            for number in range(ports)
        ),
        seconds=0.5,
        claims=claims,
    )

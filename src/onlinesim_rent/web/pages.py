"""Sends pages for people: HTML that runs no script, loads nothing, and is kept by nobody."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from flask import Blueprint, Response, render_template

from onlinesim_rent.web.answers import refuse
from onlinesim_rent.web.errors import LoginRequired, NotLoopback

_STYLE = files(__package__).joinpath("templates/onlinesim_rent/page.css").read_text()


def _policy(style: str) -> str:
    """Return a Content-Security-Policy that allows one style sheet in the page, and its icon."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _policy(_STYLE),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def pages_blueprint(name: str) -> Blueprint:
    """Make a blueprint for pages, which answers who may not see them, in any application."""
    blueprint = Blueprint(name, __name__, template_folder="templates")
    for kind in (LoginRequired, NotLoopback):
        blueprint.register_error_handler(kind, refuse)
    return blueprint


def page(template: str, **values: object) -> Response:
    """Fill a template and send it."""
    html = render_template(f"onlinesim_rent/{template}", style=_STYLE, **values)
    return Response(html, headers=_HEADERS, content_type="text/html; charset=utf-8")

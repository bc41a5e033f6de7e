"""The rules: pure functions over recorded exchanges, in one table. docs/check.md lists the same rules."""

from __future__ import annotations

from onlinesim_rent.conformance import questions as asked
from onlinesim_rent.conformance.questions import Question
from onlinesim_rent.conformance.result import Rule
from onlinesim_rent.conformance.rules import connection, counts, message, names, refusals

_BLOCKED = "A count that is too high blocks you for 30 minutes."
_NAMES = (
    "Numbers under a name that the marketplace does not know are not rented. "
    "A name that it told you yourself belongs into RENT_NAMES_FILE."
)


def _wrong_key(name: str, request: str, question: Question) -> Rule:
    return Rule(
        name,
        f"{request} is refused with 401 and WWW-Authenticate",
        refusals.wrong_key(question),
        question,
        advice="Compare the whole key, in the header and in the body, before you count.",
    )


RULES = (
    Rule(
        "reachable",
        "the endpoint can be connected to, and speaks HTTP/1.1",
        connection.reachable,
        advice="Look at the address, the firewall, and whether the server runs.",
    ),
    Rule(
        "encryption",
        "a URL that leads to another host is https",
        connection.encryption,
        advice="Put a proxy with TLS in front, such as the shipped nginx site.",
    ),
    Rule(
        "certificate",
        "the certificate is valid for the host, and for 21 more days",
        connection.certificate,
        advice="Renew the certificate, send the whole chain, and look whether the renewal still runs.",
    ),
    Rule(
        "redirects",
        "the URL itself answers, without a redirect",
        connection.redirects,
        advice="The marketplace posts to this URL: give it the URL that answers.",
    ),
    Rule(
        "time",
        "the answer comes within 10 seconds, better within 8",
        connection.seconds,
        advice="The marketplace cancels a request after 10 seconds.",
    ),
    Rule("status", "the HTTP status is 200", message.status),
    Rule(
        "content-type",
        "the Content-Type is exactly application/json; charset=utf-8",
        message.content_type,
    ),
    Rule("size", "the body arrives whole, and is not larger than 256 KiB", message.size),
    Rule(
        "json",
        "the body is JSON in UTF-8, with no name twice in an object and no NaN",
        counts.json,
    ),
    Rule(
        "shape",
        "the answer has countryList and status; each count is an integer, no string and no bool",
        counts.shape,
    ),
    Rule(
        "success",
        "the answer's status is SUCCESS",
        counts.success,
        advice="Mend what the error says: until then the marketplace rents nothing.",
    ),
    Rule("country-once", "each country is listed once", counts.country_once, advice=_BLOCKED),
    Rule("any-present", "each operatorMap has any", counts.any_present),
    Rule(
        "any-sum",
        "any is the sum over the other operators",
        counts.any_is_sum,
        advice=_BLOCKED,
    ),
    Rule(
        "positive",
        "no count is zero or negative",
        counts.positive,
        advice="Leave an operator or a country without numbers out.",
    ),
    Rule(
        "country-names",
        "the name of each country is known",
        names.countries,
        advice=_NAMES,
    ),
    Rule(
        "operator-names",
        "the name of each operator is known in its country",
        names.operators,
        advice=_NAMES,
    ),
    Rule(
        "agreement",
        "two answers, one after the other, are alike",
        counts.agreement,
        asked.ODD_HEADERS,
        advice=f"Look why the count jumps. {_BLOCKED}",
    ),
    Rule(
        "plain-answer",
        "the answer is not packed if the request does not accept gzip",
        message.plain_answer,
    ),
    Rule(
        "gzip-answer",
        "the answer is in gzip if the request accepts gzip",
        message.gzip_answer,
        asked.GZIP_WANTED,
    ),
    Rule("gzip-request", "a request in gzip is understood", message.gzip_request, asked.GZIP_SENT),
    Rule(
        "marketplace-headers",
        "the marketplace's Accept (with a bare *) and a browser's User-Agent are accepted",
        message.marketplace_headers,
        asked.ODD_HEADERS,
        advice="Look for a firewall or a framework that reads Accept or User-Agent.",
    ),
    Rule(
        "keepalive",
        "a second request on the same connection is answered (HTTP/1.1)",
        connection.keepalive,
        asked.KEPT,
    ),
    Rule(
        "thirty-at-once",
        "30 requests at once are all answered with SUCCESS within 10 seconds, better within 8",
        connection.seconds_of_thirty,
        asked.AT_ONCE,
        advice="The marketplace tests with 30 requests at once: one census must serve them all.",
    ),
    Rule(
        "header-key-missing",
        "a request without the Authorization header is refused with 401",
        refusals.missing_header(asked.NO_HEADER_KEY),
        asked.NO_HEADER_KEY,
    ),
    _wrong_key("header-key-wrong", "a wrong key in the header", asked.WRONG_HEADER_KEY),
    _wrong_key("header-key-longer", "a key with one character more in the header", asked.LONGER_HEADER_KEY),
    _wrong_key("header-key-shorter", "a key with one character less in the header", asked.SHORTER_HEADER_KEY),
    _wrong_key("body-key-missing", "a request without a key in the body", asked.NO_BODY_KEY),
    _wrong_key("body-key-wrong", "a wrong key in the body", asked.WRONG_BODY_KEY),
    _wrong_key("body-key-longer", "a key with one character more in the body", asked.LONGER_BODY_KEY),
    _wrong_key("body-key-shorter", "a key with one character less in the body", asked.SHORTER_BODY_KEY),
    Rule(
        "wrong-action",
        "another action than GET_SERVICES is refused with 400",
        refusals.wrong_action,
        asked.WRONG_ACTION,
    ),
    Rule(
        "other-method",
        "GET is refused with 405, and Allow names POST",
        refusals.other_method,
        asked.OTHER_METHOD,
    ),
    Rule("secrecy", "no answer repeats the key", message.secrecy),
)
"""Every rule, in the order of the report."""

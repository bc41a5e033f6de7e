"""The README against the code, and the links of all pages."""

from __future__ import annotations

import re

import pytest
from servers import PROJECT

from onlinesim_rent.census.attention import ADVICE

README = (PROJECT / "README.md").read_text()
PAGES = [*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")]


def test_the_readme_says_what_to_do_about_each_verdict():
    table = README[README.index("| verdict |") : README.index("| the answer |")]
    assert dict(re.findall(r"^\| `(.+?)` \| (.+?) \|$", table, re.MULTILINE)) == dict(ADVICE)


def test_the_readme_is_read_in_ten_minutes():
    assert len(README.splitlines()) < 250


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page):
    for link in re.findall(r"\]\(((?!https?:)[^)]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link

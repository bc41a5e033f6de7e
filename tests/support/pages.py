"""The examples of a page in Markdown, as a reader copies them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Example = tuple[str, str]
"""The heading that it stands under, and its language."""


def examples(page: Path) -> dict[Example, str]:
    """The code of each block. A heading has at most one block of each language."""
    found: dict[Example, str] = {}
    for section in re.split(r"^## ", page.read_text(), flags=re.MULTILINE):
        heading = section.partition("\n")[0]
        for language, code in re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
            assert (heading, language) not in found
            found[heading, language] = code
    return found

"""What tests read of the dashboard's pages."""

import json
import re
from html import unescape
from typing import Any


def text(page: Any) -> str:
    """What a person reads of a page, in one line."""
    plain = re.sub(r"<(script|svg)\b.*?</\1>|<[^>]+>", " ", page.content.decode(), flags=re.DOTALL)
    return re.sub(r" (?=[.,:;])", "", re.sub(r"\s+", " ", unescape(plain)))


def chart(page: Any, name: str) -> dict[str, Any]:
    """What a chart of the page draws."""
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', page.content.decode())
    assert found, f"no {name}"
    drawn: dict[str, Any] = json.loads(found[1])
    return drawn

"""What tests read from a page."""

import html
import json
import re
from typing import Any

from django.http import HttpResponse


def text(response: Any) -> str:
    """What people read, without tags, with single spaces."""
    assert isinstance(response, HttpResponse)
    page = re.sub(
        r"<script.*?</script>|<svg class=\"vh\".*?</svg>", " ", response.content.decode(), flags=re.DOTALL
    )
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def told(response: Any, start: str, end: str) -> str:
    """What people read between two tags."""
    part = response.content.decode().partition(start)[2].partition(end)[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", part)).split())


def data(response: Any, name: str) -> Any:
    """The data of this id that a script starts from."""
    found = re.search(
        rf'<script id="{name}" type="application/json">(.*?)</script>', response.content.decode()
    )
    assert found is not None
    return json.loads(found.group(1))


def levels(response: Any) -> list[str]:
    """Each level with its sign: "Allows Flight: no dates set"."""
    rows = re.findall(
        r'<li class="level[^>]*>.*?aria-label="([^"]*)".*?class="lv">(.*?)</span><span class="ld">(.*?)</span>',
        response.content.decode().partition('id="h-tl"')[0],
        re.DOTALL,
    )
    return [html.unescape(f"{sign}: {name}: {words}") for sign, name, words in rows]


def plain(page: Any) -> str:
    """What a person reads of a page beside its drawings, in one line."""
    found = re.sub(r"<(script|svg)\b.*?</\1>|<[^>]+>", " ", page.content.decode(), flags=re.DOTALL)
    return re.sub(r" (?=[.,:;])", "", re.sub(r"\s+", " ", html.unescape(found)))

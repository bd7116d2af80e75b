"""Asks a site for its addresses as somebody, and notes where it answers otherwise than it may."""

import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from ads.tests.walk import SECRETS, World

REFUSED = {401, 403, 404, 405}
CSRF = "a" * 32


@dataclass
class Walk:
    """All that was asked, and what was answered as it may not be."""

    url: str
    asked: int = 0
    opened: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def browser(self, world: World, who: str) -> httpx.Client:
        """Somebody who has signed in."""
        cookies = {name: each.value for name, each in world.browser(who).cookies.items()} | {
            "csrftoken": CSRF
        }
        return self.client({"X-CSRFToken": CSRF}, cookies)

    def client(self, headers: dict[str, str], cookies: dict[str, str] | None = None) -> httpx.Client:
        # A site that is busy closes connections which were idle just as the next request is on its way.
        headers = headers | {"Connection": "close"}
        return httpx.Client(base_url=self.url, cookies=cookies, headers=headers, timeout=60, trust_env=False)

    def ask(
        self, http: httpx.Client, who: str, verb: str, path: str, *, is_closed: bool = False, **sent: Any
    ) -> httpx.Response:
        """Asks; notes where what is closed is open, and where Acme's is told to who did not say it first."""
        answer = http.request(verb, path, **sent)
        self.asked += 1
        asks_to_sign_in = re.search(r"/login/|/sign-in/", answer.headers.get("Location", ""))
        # As Django's views do before they ask for rights.
        tells_verbs = verb == "OPTIONS" and not answer.content
        is_open = answer.status_code not in REFUSED and not asks_to_sign_in and not tells_verbs
        if answer.status_code >= 500 or (is_closed and is_open):
            self.opened.append(f"{answer.status_code} {verb} {path} {who}")
        for secret in SECRETS["Acme"]:
            if secret.encode() in answer.content and secret not in f"{path}{sent}":
                self.told.append(f"{secret} {verb} {path} {who}")
        return answer

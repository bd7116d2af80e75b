"""Programs that send spend over HTTP, and the same again until it is answered, whatever happens to the site."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

import httpx

from ads.models import Campaign
from ads.rules.money import from_micros

Event = dict[str, Any]

PAUSE_SECONDS = 0.1


class EndlessSpend:
    """Requests of new events until it is stopped, of every ten events one that came before."""

    def __init__(self, campaigns: Sequence[Campaign], chance: random.Random, per_request: int) -> None:
        self.events: list[Event] = []
        self.is_stopped = False
        self._campaigns = [campaign.pk for campaign in campaigns]
        self._chance, self._per_request = chance, per_request

    @property
    def amount(self) -> Decimal:
        """What all of them come to, each counted once."""
        return sum((Decimal(event["amount"]) for event in self.events), Decimal(0))

    def __iter__(self) -> Iterator[list[Event]]:
        return self

    def __next__(self) -> list[Event]:
        if self.is_stopped:
            raise StopIteration
        before = self.events[-10 * self._per_request :]
        made = [made_up_event(self._campaigns, len(self.events) + index, self._chance)
                for index in range(self._per_request)]  # fmt: skip
        self.events += made
        return made + self._chance.sample(before, min(len(before), max(1, self._per_request // 10)))


def made_up_event(campaigns: Sequence[int], number: int, chance: random.Random) -> Event:
    return {
        "campaign": chance.choice(campaigns),
        "external_id": f"event-{number}",
        "amount": str(from_micros(chance.randrange(1, 2_000_000))),
        "source": "adserver",
        "occurred_at": datetime.now(UTC).isoformat(),
    }


@dataclass
class Senders:
    """Some clients, each with one request at a time; they lose patience now and then, and go on at the next address."""

    urls: Sequence[str]
    token: str
    requests: Iterator[list[Event]]
    count: int = 4
    answered: int = 0
    tally: Counter[str] = field(default_factory=Counter)
    # When which answer, or failure to get one, came; the clock is time.monotonic.
    moments: list[tuple[float, str]] = field(default_factory=list)
    took: list[float] = field(default_factory=list)  # seconds, those answered with 200
    unexpected: list[str] = field(default_factory=list)
    has_given_up: bool = False
    share_with_key: ClassVar[float] = 0.5  # of requests that carry an Idempotency-Key

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(self.count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self, seconds: float) -> None:
        """Wait until all is answered; who is not by then gives up."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0, until - time.monotonic()))
        self.has_given_up = any(thread.is_alive() for thread in self._threads)
        for thread in self._threads:
            thread.join()

    def last_failure(self, since: float, until: float) -> float:
        """Seconds after `since` at which a request last went without a 200, lost patience aside; 0 if none did."""
        with self._lock:
            failed = [
                at for at, what in self.moments if since < at < until and what not in {"200", "impatient"}
            ]
        return max(failed, default=since) - since

    def _work(self, number: int) -> None:
        chance = random.Random(number)
        url, sent = number, 0
        with httpx.Client(headers={"Authorization": f"Bearer {self.token}"}, trust_env=False) as http:
            while (items := self._next()) is not None:
                key = (
                    {"Idempotency-Key": f"{number}-{(sent := sent + 1)}"}
                    if chance.random() < self.share_with_key
                    else {}
                )
                while not self._is_sent(http, self.urls[url % len(self.urls)], items, key, chance):
                    if self.has_given_up:
                        return
                    url += 1
                    self._before_again(items)
                    time.sleep(PAUSE_SECONDS)
                with self._lock:
                    self.answered += 1

    def _next(self) -> list[Event] | None:
        with self._lock:
            return next(self.requests, None)

    def _before_again(self, items: list[Event]) -> None:
        """The same is sent again, under the same ids."""

    def _is_sent(
        self, http: httpx.Client, url: str, items: list[Event], key: dict[str, str], chance: random.Random
    ) -> bool:
        """Whether it was answered that everything is stored."""
        is_impatient = chance.random() < 0.1
        began = time.monotonic()
        try:
            response = http.post(
                f"{url}/spend", json=items, headers=key, timeout=0.02 if is_impatient else 10
            )
        except httpx.TransportError as error:
            lost_patience = is_impatient and isinstance(error, httpx.TimeoutException)
            self._note("impatient" if lost_patience else type(error).__name__)
            return False
        self._note(str(response.status_code))
        if response.status_code != httpx.codes.OK:
            if response.status_code not in (409, 503):
                self.unexpected.append(f"{response.status_code} {response.text}")
            return False
        self.took.append(time.monotonic() - began)
        counts = response.json()["counts"]
        if counts["conflict"] or counts["refused"]:
            self.unexpected.append(response.text)
        return True

    def _note(self, what: str) -> None:
        with self._lock:
            self.tally[what] += 1
            self.moments.append((time.monotonic(), what))

"""Spend that comes in over HTTP while something happens, and what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone

from ads.models import Campaign
from ads.tests.api.senders import EndlessSpend, Senders
from drills.agency import books, make_token
from drills.figures import Figure, at_least, exactly, none_of, told
from drills.stage import Stage

PER_REQUEST = 10
PATIENCE_SECONDS = 120


@dataclass
class Load:
    """Clients that send without end, each request until it is answered."""

    spend: EndlessSpend
    senders: Senders

    @property
    def rows(self) -> int:
        return len(self.spend.events)

    def ended(self) -> Iterator[Figure]:
        """Let them come to an end; whether all was answered."""
        self.spend.is_stopped = True
        self.senders.join(PATIENCE_SECONDS)
        yield told("answers, and none", dict(self.senders.tally.most_common()))
        yield exactly("events answered", self.senders.answered * PER_REQUEST, self.rows)
        yield none_of("answers that nobody expects", self.senders.unexpected)


def in_the_books(*loads: Load, rows: int = 0, amount: Decimal = Decimal(0)) -> Iterator[Figure]:
    """Whether all that was sent, and no more, is in the books once, besides rows without identity from before."""
    connections.close_all()  # this process may have lost its own as well
    sent = sum(load.rows for load in loads)
    total = sum((load.spend.amount for load in loads), amount)
    yield at_least("events", sent, 100)
    yield from books(timezone.now(), rows=rows + sent, amount=total, identities=sent)


def start_load(
    stage: Stage,
    campaigns: list[Campaign],
    *,
    urls: list[str] | None = None,
    kind: type[Senders] = Senders,
    clients: int = 4,
) -> Load:
    """Start clients on the stage's server, or at other addresses."""
    token = make_token(f"client {User.objects.count()}")
    spend = EndlessSpend(campaigns, stage.chance, PER_REQUEST)
    load = Load(spend, kind(urls or [stage.server.url], token, spend, clients))
    load.senders.start()
    return load

"""Spend that comes in over HTTP while something happens, and what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone

from ads.models import Campaign, Scope
from ads.services import tokens
from ads.tests.api.senders import EndlessSpend, Senders
from drills.agency import books
from drills.figures import Figure, at_least, exactly, none_of, told
from drills.stage import Stage

PER_REQUEST = 10
PATIENCE_SECONDS = 120


@dataclass
class Load:
    """Clients that send without end, each request until it is answered."""

    spend: EndlessSpend
    senders: Senders

    def figures(self) -> Iterator[Figure]:
        """Let them come to an end; whether all was answered, and is in the books once."""
        self.spend.is_stopped = True
        self.senders.join(PATIENCE_SECONDS)
        connections.close_all()  # this process has lost its own as well
        rows = len(self.spend.events)
        yield at_least("requests", self.senders.answered, 10)
        yield told("answers, and none", dict(self.senders.tally.most_common()))
        yield exactly("events answered", self.senders.answered * PER_REQUEST, rows)
        yield none_of("answers that nobody expects", self.senders.unexpected)
        yield from books(timezone.now(), rows=rows, amount=self.spend.amount)


def start_load(
    stage: Stage, campaigns: list[Campaign], *, urls: list[str] | None = None, kind: type[Senders] = Senders
) -> Load:
    """Start four clients on the stage's server, or at other addresses."""
    token = tokens.issue(User.objects.create_superuser("ann"), "everything", Scope.values).text
    spend = EndlessSpend(campaigns, stage.chance, PER_REQUEST)
    load = Load(spend, kind(urls or [stage.server.url], token, spend))
    load.senders.start()
    return load

"""The platforms where ads run: one module a way of speaking to them, imported only where one is configured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Protocol

from pydantic import SecretStr

from ads.rules.platforms import Observed, Pause

TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Access:
    """What an adapter needs to speak to one account."""

    account: str
    secret: SecretStr
    url: str = ""
    manager_account: str = ""


class Platform(Protocol):
    """One account of a platform. Campaigns are named by their ids there.

    Whatever keeps the account from answering raises DeliveryFailed; what is wrong with single campaigns is told of
    each. No call may take longer than 15 seconds, and none is given more campaigns than `reads_at_once` or
    `writes_at_once`. Pausing what is paused, and resuming what runs, changes nothing.
    """

    reads_at_once: int
    writes_at_once: int

    def read(self, ids: Sequence[str]) -> Mapping[str, Observed]:
        """What each does; one that the platform does not know is left out."""

    def pause(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Has them pause; returns what kept it from doing so, by campaign."""

    def resume(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Has them run; returns what kept it from doing so, by campaign."""

    def last_pauses(self, ids: Sequence[str], since: datetime | None) -> Mapping[str, Pause]:
        """Who paused or removed each last, as far back as `since` or the change log goes."""


def speak_to(adapter: str, access: Access) -> Platform:
    """The account, spoken to by the adapter of this name: a module of this folder."""
    platform: Platform = import_module(f"{__name__}.{adapter}").connect(access)
    return platform

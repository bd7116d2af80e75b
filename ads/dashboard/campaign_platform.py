"""What a campaign's page says of the platform: what is wanted there, what was found, and whether that differs."""

from dataclasses import dataclass
from datetime import datetime

from ads.dashboard.campaign_words import since_words
from ads.models import Campaign, PlatformMode
from ads.rules.periods import Calendar
from ads.services import platform_words
from ads.services.platform_differences import states_of


@dataclass(frozen=True, slots=True)
class PlatformPart:
    """A sentence, what stands behind it, and what keeps the platform from following."""

    account: str
    head: str
    details: tuple[str, ...]
    trouble: str
    differs: bool

    @property
    def icon(self) -> str:
        return "act" if self.differs else "ok"


def platform_part(found: Campaign, calendar: Calendar, now: datetime) -> PlatformPart | None:
    """The part for a campaign that is connected to its platform."""
    state = states_of([found]).get(found.pk)
    if state is None:
        return None

    def moment(at: datetime) -> str:
        return since_words(at, calendar, now)

    account = state.connection
    details = [f"{platform_words.WANTED[state.known.desired]} since {moment(state.desired_at)}"]
    if state.observed_at is not None and state.known.observed is not None:
        found_words = platform_words.FOUND[state.known.observed].lower()
        details.append(f"{found_words} when read at {moment(state.observed_at)}")
    if state.drift_since is not None:
        details.append(f"differs since {moment(state.drift_since)}")
    if account.mode == PlatformMode.OBSERVE:
        details.append("the connection only observes")
    return PlatformPart(
        account=str(account),
        head=platform_words.difference(state, moment) or f"{platform_words.agreement(state)}.",
        details=tuple(details),
        trouble=platform_words.trouble(state, moment),
        differs=state.drift_since is not None,
    )

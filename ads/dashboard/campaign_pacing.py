"""Where a campaign's month and flight stand against their budgets, and where they go: numbers and sentences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from ads import formats
from ads.dashboard import wording
from ads.models import Campaign
from ads.rules import pacing
from ads.rules.pacing import FlightOutlook, Pace, PacingFacts, Projection
from ads.rules.periods import next_month
from ads.rules.serving import Reason
from ads.services.explain import Explanation, LimitLevel
from ads.services.pacing import load_campaign_pacing
from ads.services.standings import Standing

# Where one of these stands against it, no more is expected: only a person changes that.
_OFF = frozenset({Reason.BRAND_INACTIVE, Reason.SWITCHED_OFF, Reason.FLIGHT_ENDED})


@dataclass(frozen=True, slots=True)
class Figure:
    """One period of a campaign: what it spent and, where that can be told, its pace and where it ends."""

    title: str
    standing: Standing
    pace: Pace | None = None
    projection: Projection | None = None

    @property
    def pace_words(self) -> str:
        return wording.pace_words(self.pace) if self.pace else ""

    @property
    def pace_look(self) -> tuple[str, str]:
        return wording.pace_look(self.pace)


@dataclass(frozen=True, slots=True)
class SpendCard:
    """Today, month and flight, and what is to be said of where they go."""

    figures: Sequence[Figure]
    sentences: Sequence[str]


def spend_card(found: Campaign, explained: Explanation, now: datetime) -> SpendCard:
    """The figures of a campaign's spend, with what is projected while it is not off. One query at most."""
    today, currency = explained.calendar.local_date(now), explained.currency
    day, month, flight = (
        _standing(explained, reason)
        for reason in (Reason.CAMPAIGN_DAILY, Reason.CAMPAIGN_MONTHLY, Reason.CAMPAIGN_TOTAL)
    )
    month_title = f"{today:%B}"
    flight_title = "Whole flight" if found.start_date or found.end_date else "In all"
    reasons = explained.decision.reasons
    if not _OFF.isdisjoint(reasons):
        figures = [Figure("Today", day), Figure(month_title, month), Figure(flight_title, flight)]
        return SpendCard(
            figures, [] if Reason.FLIGHT_ENDED in reasons else ["It is off: no more is expected."]
        )
    facts = load_campaign_pacing(found, explained.facts, reasons, now)
    of_month = Figure(month_title, month, pacing.pace(facts, month.budget), pacing.project(facts))
    ahead = pacing.flight(facts, flight.counted, flight.budget, found.end_date)
    of_flight = Figure(
        flight_title,
        flight,
        pacing.flight_pace(facts, flight.counted, flight.budget, found.start_date, found.end_date),
        ahead.end if ahead else None,
    )
    sentences = [*_of_month(of_month, facts, currency), *_of_flight(of_flight, ahead, today, currency)]
    return SpendCard([Figure("Today", day), of_month, of_flight], sentences)


def _standing(explained: Explanation, reason: Reason) -> Standing:
    level = explained.level(reason)
    if not isinstance(level, LimitLevel):
        raise TypeError(f"{reason} is no budget")
    return level.standing


def _of_month(figure: Figure, facts: PacingFacts, currency: str) -> Iterator[str]:
    projection = figure.projection
    if projection is None:
        begins = pacing.projected_from(facts)
        if begins is not None:
            yield f"A projection takes three days of spend: from {_day(begins, facts.today)}."
        return
    if facts.resumes_on == date.max:
        yield "The total budget is reached: no more is expected."
        return
    if facts.resumes_on >= next_month(facts.today):
        yield f"{figure.title}: a monthly budget is reached, no more is expected."
        return
    budget = figure.standing.budget
    yield f"{_against_even(figure)}{_ends(projection, budget, 'monthly budget', currency)}."
    reached_on = pacing.reached_on(pacing.course(facts), budget, facts.today)
    if reached_on is not None:
        yield f"It reaches its monthly budget on about {_day(reached_on, facts.today)}."


def _of_flight(figure: Figure, ahead: FlightOutlook | None, today: date, currency: str) -> Iterator[str]:
    """Nothing where the flight has neither an end nor a total budget, or has reached it."""
    if ahead is None or figure.standing.is_reached:
        return
    budget = figure.standing.budget
    if ahead.end is not None:
        yield f"{_against_even(figure)}{_ends(ahead.end, budget, 'total budget', currency)}."
    if ahead.reached_on is not None:
        yield f"It reaches its total budget on about {_day(ahead.reached_on, today)}."
    elif ahead.end is None and budget is not None:
        yield "It does not reach its total budget within a year."


def _against_even(figure: Figure) -> str:
    """ "Whole flight: 21% behind the even line. ", or only the title without a pace."""
    if figure.pace is None:
        return f"{figure.title}: "
    against = wording.against_even(figure.pace)
    return f"{figure.title}: {against[:1].lower()}{against[1:]}. "


def _ends(projection: Projection, budget: int | None, name: str, currency: str) -> str:
    end = f"{formats.money(projection.micros, currency)} projected at its end"
    if not budget:
        return end
    return f"{end}, {(projection.micros * 200 + budget) // (2 * budget)}% of the {name}"


def _day(value: date, today: date) -> str:
    return f"{value.day} {value:%b}" if value.year == today.year else f"{value.day} {value:%b %Y}"

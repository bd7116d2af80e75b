"""Why a campaign runs or not at this moment: every level in the order of the decision, with its numbers."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString

from ads import formats
from ads.admin import cells
from ads.models import Campaign
from ads.rules.dayparting import Window, inside, next_toggle
from ads.rules.periods import Calendar
from ads.rules.serving import Reason, Status
from ads.services import CampaignService
from ads.services.standings import CampaignStanding, Standing, stand_brands, stand_campaigns


@dataclass(frozen=True, slots=True)
class Level:
    """One thing that could stand against running: whether it does, and its numbers."""

    name: str
    stands_against: bool
    applies: bool
    words: str
    bar: SafeString


@dataclass(frozen=True, slots=True)
class Verdict:
    """The live decision in words, with the calendar its moments are told in."""

    title: str
    next_change: str
    pill: SafeString
    tone: str
    levels: list[Level]
    calendar: Calendar
    zone_line: str


def verdict(campaign: Campaign, now: datetime) -> Verdict:
    """Decides the campaign as at this moment, and says why."""
    decision = CampaignService.decide_now(campaign, now=now)
    standing = stand_campaigns([campaign], now)[campaign.pk]
    calendar = standing.calendar
    return Verdict(
        title=_title(campaign, decision.status, decision.reasons, calendar, now),
        next_change=(
            f"Next change by the clock: {formats.moment(decision.next_transition_at, calendar, now)}."
            if decision.next_transition_at
            else "The clock alone changes nothing."
        ),
        pill=cells.pill(decision.status, decision.reasons),
        tone=formats.look(decision.status, decision.reasons).tone,
        levels=_levels(campaign, standing, frozenset(decision.reasons), now),
        calendar=calendar,
        zone_line=f"Times in {calendar.zone_at(now)}, {formats.clock(now, calendar)} now",
    )


def _title(
    campaign: Campaign, status: Status, reasons: tuple[Reason, ...], calendar: Calendar, now: datetime
) -> str:
    since = ""
    if campaign.status_since is not None and campaign.status == status:
        since = f" since {formats.moment(campaign.status_since, calendar, now)}"
    if not reasons:
        return f"Running{since}: nothing stands against it"
    return f"Not running{since}: {', '.join(reason.in_sentence for reason in reasons)}"


def _levels(
    campaign: Campaign, standing: CampaignStanding, against: frozenset[Reason], now: datetime
) -> list[Level]:
    brand = campaign.brand
    of_brand = stand_brands([brand], now)[brand.pk]
    brand_words = "Archived" if brand.archived_at else "Active" if brand.is_active else "Switched off"
    own_words = "Archived" if campaign.archived_at else "Yes" if campaign.enabled else "No, by a person"
    flight_reasons = {Reason.FLIGHT_NOT_STARTED, Reason.FLIGHT_ENDED}
    has_flight = campaign.start_date is not None or campaign.end_date is not None
    currency = brand.currency
    return [
        Level(f"Brand {brand.name}", Reason.BRAND_INACTIVE in against, True, brand_words, SafeString("")),
        Level("Switched on", Reason.SWITCHED_OFF in against, True, own_words, SafeString("")),
        Level("Flight", bool(flight_reasons & against), has_flight, _flight(campaign), SafeString("")),
        _budget("Brand’s daily budget", Reason.BRAND_DAILY in against, of_brand.day, currency),
        _budget("Brand’s monthly budget", Reason.BRAND_MONTHLY in against, of_brand.month, currency),
        _budget("Daily budget", Reason.CAMPAIGN_DAILY in against, standing.day, currency),
        _budget("Monthly budget", Reason.CAMPAIGN_MONTHLY in against, standing.month, currency),
        _budget("Total budget", Reason.CAMPAIGN_TOTAL in against, standing.flight, currency),
        _dayparting(campaign, standing.calendar, Reason.OUTSIDE_DAYPARTING in against, now),
    ]


def _budget(name: str, stands_against: bool, standing: Standing, currency: str) -> Level:
    counted = formats.money(standing.counted, currency)
    if standing.budget is None or standing.remaining is None:
        return Level(
            name, stands_against, False, f"{formats.NO_LIMIT_SET}, {counted} counted", SafeString("")
        )
    rest = formats.left_or_over(standing.remaining, currency)
    words = f"{counted} of {formats.limit(standing.budget, currency)}, {rest}"
    if standing.waived:
        words += f" ({formats.money(standing.waived, currency)} waived)"
    return Level(name, stands_against, True, words, cells.bar(standing))


def _flight(campaign: Campaign) -> str:
    start, end = campaign.start_date, campaign.end_date
    if start and end:
        return f"{formats.day(start)} to {formats.day(end)}"
    if start:
        return f"From {formats.day(start)}"
    return f"Until {formats.day(end)}" if end else "No dates set"


def week_of(campaign: Campaign, brand_calendar: Calendar) -> tuple[tuple[Window, ...], Calendar, str]:
    """Its windows, the calendar they are in, and the zone of their own if they have one."""
    schedules = list(campaign.schedules.all())
    zone = schedules[0].timezone if schedules else ""
    windows = tuple(sorted(schedule.window for schedule in schedules))
    return windows, Calendar.fixed(zone) if zone else brand_calendar, zone


def _dayparting(campaign: Campaign, brand_calendar: Calendar, stands_against: bool, now: datetime) -> Level:
    windows, calendar, zone = week_of(campaign, brand_calendar)
    if not windows:
        return Level("Dayparting", stands_against, False, "No windows: always open", SafeString(""))
    toggle = next_toggle(windows, calendar, now)
    state = "Open" if inside(windows, calendar, now) else "Closed"
    until = f" until {formats.moment(toggle, calendar, now)}" if toggle else ", and stays so"
    return Level(
        "Dayparting", stands_against, True, f"{state}{until}{f' ({zone})' if zone else ''}", SafeString("")
    )

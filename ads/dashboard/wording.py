"""What the overview says of a brand, in sentences with their numbers."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ads import formats
from ads.models import PeriodKind
from ads.rules.attention import Cause
from ads.rules.pacing import FEWEST_DAYS, Direction, Pace
from ads.rules.periods import ONE_DAY, Calendar, month_start, next_month
from ads.rules.serving import Reason, Status
from ads.services import platform_words
from ads.services.latest import BudgetNews, News, StatusNews
from ads.services.overview import BrandRow, CurrencyTotal, Stopped

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a brand needs somebody: the finding, what follows from it, and where one can do something about it."""

    head: str
    body: str
    action: str
    leads_to: str  # "daily" or "monthly" (a budget), "imports", "brand" or "campaign"


def finding(row: BrandRow, now: datetime) -> Finding:
    """The first cause of a brand that needs somebody."""
    return _FINDINGS[row.attention.causes[0]](row, now)


def _differs(row: BrandRow, now: datetime) -> Finding:
    first, number = row.differing[0], len(row.differing)
    told = platform_words.difference(
        first, lambda at: formats.moment(at, row.calendar, now).removesuffix(" today")
    )
    if number == 1:
        head = f"{first.campaign.name} is not on its platform as decided"
        return Finding(head, told, "See campaign", "campaign")
    body = f"{first.campaign.name}: {told[:1].lower()}{told[1:]}"
    return Finding(f"{number} campaigns are not on their platform as decided", body, "See campaigns", "brand")


def _month_limit(row: BrandRow, now: datetime) -> Finding:
    first = next_month(month_start(row.standing.today))
    days = (first - row.standing.today).days
    renewed = f"{renewed_at(PeriodKind.MONTH, row.standing.today)}, {'tomorrow' if days == 1 else f'in {days} days'}"
    return _limit(row, now, "monthly", row.month_stopped, renewed)


def _day_limit(row: BrandRow, now: datetime) -> Finding:
    renewed = renewed_at(PeriodKind.DAY, row.standing.today)
    return _limit(row, now, "daily", row.day_stopped, renewed)


def renewed_at(kind: PeriodKind, today: date) -> str:
    """When a reached budget starts afresh: "24:00", "1 December". Other reasons may outlast it."""
    if kind == PeriodKind.DAY:
        return "24:00"
    first = next_month(today)
    return f"{first.day} {first:%B}"


def _limit(row: BrandRow, now: datetime, period: str, stopped: Stopped, renewed: str) -> Finding:
    number = stopped.campaigns
    every = number > 1 and number == row.paused and not row.running
    who = f"All {number} enabled campaigns" if every else formats.counted(number, "campaign")
    again = "it does not run again" if number == 1 else "none runs again"
    body = f"{who} {'is' if number == 1 else 'are'} paused; {again} before {renewed}."
    standing = row.month if period == "monthly" else row.day
    if (standing.remaining or 0) < 0:
        body += f" {formats.left_or_over(standing.remaining or 0, row.currency)}."
    at = _at(stopped.since, row.calendar, now, is_of_today=period == "daily")
    return Finding(f"{period.capitalize()} budget reached{at}", body, "Raise budget", period)


def _silent(row: BrandRow, now: datetime) -> Finding:
    running = f"{formats.counted(row.running, 'campaign')} {'is' if row.running == 1 else 'are'} running."
    silence = row.silence
    if silence is None or silence.since is None:
        body = f"{running} The feed may be down."
        return Finding("No spend recorded for days", body, "See imports", "imports")
    last = f"Last record: {formats.moment(silence.since, row.calendar, now)}, from {silence.source}."
    body = f"{running} {last} The feed may be down."
    return Finding(
        f"No spend recorded for {(now - silence.since) // _HOUR} h", body, "See imports", "imports"
    )


def _projected(row: BrandRow, _: datetime) -> Finding:
    budget, projection = row.month.budget, row.projection
    if budget is None or projection is None:
        raise ValueError(f"{row.name} has no projection against a budget")
    off = projection.micros - budget
    head = f"Month end projected {abs(off) * 100 // budget}% {'over' if off > 0 else 'under'} budget"
    if row.pace is not None and row.pace.is_far:
        head = f"{pace_words(row.pace)} {'of pace' if row.pace.direction == Direction.AHEAD else 'pace'}"
    end = formats.whole_money(projection.micros, row.currency)
    rest = formats.whole_money(abs(off), row.currency)
    body = f"Month end projected at {end}: {rest} {'over the budget' if off > 0 else 'would stay unspent'}."
    return Finding(head, body, "See campaigns", "brand")


def _while_off(row: BrandRow, _: datetime) -> Finding:
    spent = row.while_off
    if spent is None:
        raise ValueError(f"{row.name} has no spend on what is off")
    amount = formats.money(spent.micros, row.currency)
    where = spent.campaign_name if spent.campaigns == 1 else f"{spent.campaigns} campaigns"
    head = "Spend on a campaign that is off" if spent.campaigns == 1 else "Spend on campaigns that are off"
    return Finding(
        head, f"{amount} today on {where}. The platform still runs it.", "See campaign", "campaign"
    )


def _pace_far(row: BrandRow, _: datetime) -> Finding:
    pace = row.pace
    if pace is None:
        raise ValueError(f"{row.name} has no pace")
    is_ahead = pace.direction == Direction.AHEAD
    even = formats.whole_money(pace.expected_micros, row.currency)
    body = f"{formats.whole_money(row.month.counted, row.currency)} spent; even would be {even} by now."
    return Finding(f"{pace_words(pace)} {'of pace' if is_ahead else 'pace'}", body, "See campaigns", "brand")


_FINDINGS = {
    Cause.PLATFORM_DIFFERS: _differs,
    Cause.MONTH_LIMIT: _month_limit,
    Cause.DAY_LIMIT: _day_limit,
    Cause.SILENT: _silent,
    Cause.PROJECTED_FAR: _projected,
    Cause.SPEND_WHILE_OFF: _while_off,
    Cause.PACE_FAR: _pace_far,
}


def _at(moment: datetime | None, calendar: Calendar, now: datetime, *, is_of_today: bool) -> str:
    """ " at 11:42 today", " at 11:42" of what is today's anyway, " on 17 Nov", nothing where it is not known."""
    if moment is None:
        return ""
    wall = calendar.wall_clock(moment)
    if wall.date() != calendar.wall_clock(now).date():
        return f" on {wall.day} {wall:%b}"
    return f" at {wall:%H:%M}" + ("" if is_of_today else " today")


def pace_words(pace: Pace) -> str:
    """ "8% ahead", "31% behind", "On pace"."""
    if pace.direction == Direction.ON_PACE:
        return "On pace"
    return f"{pace.percent}% {'ahead' if pace.direction == Direction.AHEAD else 'behind'}"


def pace_look(pace: Pace | None) -> tuple[str, str]:
    """The drawing and the class of a pace."""
    if pace is None:
        return "none", ""
    if pace.direction == Direction.ON_PACE:
        return "even", ""
    return (
        "up" if pace.direction == Direction.AHEAD else "down",
        "pace-bad" if pace.is_far else "pace-off",
    )


def against_even(pace: Pace) -> str:
    """How spend compares with the even line: "21% behind the even line"."""
    if pace.direction == Direction.ON_PACE:
        return "On the even line"
    return f"{pace_words(pace)}{' of' if pace.direction == Direction.AHEAD else ''} the even line"


def no_pace_words(row: BrandRow) -> str:
    """Why there is no pace."""
    if not row.is_active:
        return "Brand is off"
    if row.month.budget is None:
        return "No limit"
    if row.month.budget == 0:
        return "Spend nothing"
    if row.projected_from is None:
        return "No spend yet"
    begins = max(row.projected_from, row.standing.today + ONE_DAY)
    return f"From {begins.day} {begins:%b}"


def projected_words(row: BrandRow) -> str:
    """The projection in per cent of the budget with its band, "105% ± 2%", or what is missing for one."""
    projection, budget = row.projection, row.month.budget
    if projection is None:
        if row.projected_from is None or not row.is_active:
            return ""
        days = FEWEST_DAYS - (row.projected_from - row.standing.today).days
        return f"{formats.counted(days, 'day')} of data" if days else "first day of data"
    if not budget:
        return ""
    percent = (projection.micros * 200 + budget) // (2 * budget)
    permille = (projection.high_micros - projection.micros) * 1000 // budget
    return (
        f"{percent}% ± {permille // 10}.{permille % 10}%"
        if permille % 10
        else f"{percent}% ± {permille // 10}%"
    )


def totals_words(total: CurrencyTotal) -> str:
    """What stands below a currency's graph."""
    currency = total.currency
    told = f"Today {formats.money(total.today, currency)}"
    if total.today_budget is not None:
        told += f" of {formats.money(total.today_budget, currency)}"
    told += "."
    if total.projection is not None and total.month_budget:
        end = total.projection.micros
        percent = (end * 200 + total.month_budget) // (2 * total.month_budget)
        told += f" Month end projected at {formats.whole_money(end, currency)} ({percent}%)."
    if total.unlimited:
        names = total.unlimited[0] if len(total.unlimited) == 1 else f"{len(total.unlimited)} brands"
        spent = formats.money(total.unlimited_month, currency)
        told += (
            f" Without {names} ({spent}), which {'has' if len(total.unlimited) == 1 else 'have'} no limit."
        )
    return told


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what happened last: where, what, and the drawing that stands for it."""

    at: datetime
    brand_id: int
    brand_name: str
    text: str
    icon: str
    tone: str


_STATUS_LINES = {
    Status.ACTIVE: ("run again", "runs again", "run", "run"),
    Status.PAUSED: ("paused", "paused", "paused", "watch"),
    Status.INACTIVE: ("switched off", "switched off", "off", ""),
    Status.COMPLETED: ("completed", "completed", "done", ""),
}


def news_line(news: News) -> Line:
    """What happened, in one sentence after the brand's name."""
    return _budget_line(news) if isinstance(news, BudgetNews) else _status_line(news)


def _status_line(news: StatusNews) -> Line:
    many, one, icon, tone = _STATUS_LINES[news.status]
    who = f"{news.campaigns} campaigns" if news.campaigns > 1 else news.campaign_name
    told = f"{who} {many if news.campaigns > 1 else one}"
    reason = next(iter(news.reasons), None)
    if reason is not None and reason != Reason.SWITCHED_OFF and news.status != Status.COMPLETED:
        told += f": {reason.in_sentence}"
        tone = "" if reason in {Reason.OUTSIDE_DAYPARTING, Reason.FLIGHT_NOT_STARTED} else tone
        icon = "clock" if reason in {Reason.OUTSIDE_DAYPARTING, Reason.FLIGHT_NOT_STARTED} else icon
    if news.by:
        told += f", by {news.by}"
    return Line(news.at, news.brand_id, news.brand_name, told, icon, tone)


def _budget_line(news: BudgetNews) -> Line:
    before, after = (formats.limit(micros, news.currency) for micros in (news.before, news.after))
    what = f"{news.campaign_name}: " if news.campaign_name else ""
    if news.after is None:
        told = f"{what}{news.budget} budget of {before} lifted"
    elif news.before is None:
        told = f"{what}{news.budget} budget set to {after}"
    else:
        verb = "raised" if news.after > news.before else "lowered"
        told = f"{what}{news.budget} budget {verb} from {before} to {after}"
    if news.by:
        told += f" by {news.by}"
    return Line(news.at, news.brand_id, news.brand_name, told, "person", "")

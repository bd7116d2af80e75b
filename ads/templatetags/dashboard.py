"""Tags of the dashboard's templates: money, moments, statuses, drawings, links."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.template import Library
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ads import formats
from ads.dashboard import drawing
from ads.dashboard import navigation as pages
from ads.rights import Right
from ads.rules.money import MICROS_PER_UNIT
from ads.rules.pacing import Pace, Projection
from ads.rules.periods import Calendar
from ads.rules.serving import Reason, Status
from ads.services.standings import Standing

register = Library()

# The shape of each status, by the tone that formats.look gives it, and the class of its pill.
_ICONS = {"run": "run", "limit": "paused", "clock": "clock", "off": "off", "done": "done"}
_PILLS = {"run": "run", "limit": "paused", "clock": "clock", "off": "off", "done": "done"}


@register.simple_tag
@cache
def icon(name: str, classes: str = "", label: str = "") -> SafeString:
    """A drawing of the sprite; with a label it stands for itself, else words stand beside it."""
    told = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html('<svg class="ic {}" {}><use href="#i-{}"/></svg>', classes, told, name)


@register.simple_tag
def money(micros: int | None, currency: str) -> SafeString:
    """An amount with its minor units quiet: "€918.40"; a dash where nothing is known."""
    if micros is None:
        return SafeString(formats.NOTHING_KNOWN)
    whole, point, minor = formats.money(micros, currency).partition(".")
    if not point:
        return format_html("{}", whole)
    return format_html('{}<span class="mu">.{}</span>', whole, minor)


@register.simple_tag
def plain_money(micros: int | None, currency: str) -> str:
    """An amount inside a sentence: "€918.40"."""
    return formats.NOTHING_KNOWN if micros is None else formats.money(micros, currency)


@register.simple_tag
def budget(micros: int, currency: str) -> str:
    """A budget beside what is spent of it: without minor units where it has none: "€27,000", "€1,200.50"."""
    return (
        formats.whole_money(micros, currency)
        if micros % MICROS_PER_UNIT == 0
        else formats.exact_money(micros, currency)
    )


@register.simple_tag
def abs_money(micros: int, currency: str) -> str:
    """An amount without its sign, where the words beside it say whether it is left or over."""
    return formats.money(abs(micros), currency)


@register.simple_tag
def limit(micros: int | None, currency: str) -> str:
    """A budget with all its decimals; words where there is none."""
    return formats.limit(micros, currency)


@register.filter
def currency_sign(currency: str) -> str:
    """What stands before an amount: "€"."""
    return formats.symbol(currency).strip()


@register.simple_tag
def plain_whole_money(micros: int, currency: str) -> str:
    """An estimate in whole units: "€249,135"."""
    return formats.whole_money(micros, currency)


@register.simple_tag
def left(standing: Standing, currency: str) -> SafeString:
    """What is left of a budget, or in the colour of what is wrong by how much it is exceeded."""
    if standing.remaining is None:
        return SafeString(formats.NOTHING_KNOWN)
    if standing.remaining < 0:
        over = money(-standing.remaining, currency)
        return format_html('<span class="t-act">{} over</span>', over)
    return money(standing.remaining, currency)


@register.simple_tag
def tally(running: int, paused: int, off: int) -> SafeString:
    """How many campaigns run, are paused, and are off."""
    return format_html(
        '<span class="tally"><span class="r{}">{}{}</span><span class="p{}">{}{}</span>'
        '<span class="{}">{}{}</span></span>',
        "" if running else " z",
        icon("run", "ic-s", "running"),
        running,
        " on" if paused else " z",
        icon("paused", "ic-s", "paused"),
        paused,
        "" if off else "z",
        icon("off", "ic-s", "off"),
        off,
    )


@register.simple_tag
def city_time(now: datetime, calendar: Calendar) -> str:
    """Where and what time it is there: "Paris 14:05"."""
    return f"{formats.city(now, calendar)} {formats.clock(now, calendar)}"


@register.simple_tag
def when(value: datetime, calendar: Calendar, now: datetime) -> SafeString:
    """The time of today, or else the day, of what happened: "14:05", "19 Nov"."""
    wall = calendar.wall_clock(value)
    is_today = wall.date() == calendar.wall_clock(now).date()
    told = f"{wall:%H:%M}" if is_today else f"{wall.day} {wall:%b}"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), told)


@register.simple_tag
def moment(value: datetime, calendar: Calendar, now: datetime) -> SafeString:
    """A moment where the calendar rules, with its full form for machines: "14:05 today"."""
    return format_html(
        '<time datetime="{}">{}</time>', value.isoformat(), formats.moment(value, calendar, now)
    )


@register.simple_tag
def clock(value: datetime, calendar: Calendar) -> SafeString:
    """The time of day where the calendar rules: "14:05"."""
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), formats.clock(value, calendar))


@register.simple_tag
def pill(status: str, reasons: Sequence[Reason] = ()) -> SafeString:
    """A status by shape, word, then colour."""
    look = formats.look(Status(status), tuple(reasons))
    drawn = icon(_ICONS[look.tone], "ic-s")
    return format_html('<span class="pill pill-{}">{}{}</span>', _PILLS[look.tone], drawn, look.word)


@register.simple_tag
def bullet(counted: int, budget: int | None, *points: int | None) -> SafeString:
    """The bullet graph of an amount against its budget: pace, projected, low, high may follow, in micros."""
    return drawing.bullet_svg(drawing.bullet(counted, budget, *points))


@register.simple_tag
def month_bullet(standing: Standing, pace: Pace | None, projection: Projection | None) -> SafeString:
    """The bullet graph of a month: where it should be by now, and where it ends."""
    points: list[int | None] = [pace.expected_micros if pace else None]
    if projection:
        points += [projection.micros, projection.low_micros, projection.high_micros]
    return bullet(standing.counted, standing.budget, *points)


@register.simple_tag
def bar(counted: int, budget: int | None) -> SafeString:
    """The bar of an amount against its budget."""
    return drawing.bar_svg(drawing.bullet(counted, budget))


@register.simple_tag
def spark(days: Sequence[int], budget: int | None, currency: str) -> SafeString:
    """Spend of consecutive days, the last one today, against the daily budget."""
    told = f"Spend per day, {len(days)} days: lowest {formats.money(min(days), currency)}, "
    told += f"highest {formats.money(max(days), currency)}"
    if budget is not None:
        over = sum(spent > budget for spent in days)
        told += f", {formats.counted(over, 'day')} over the budget of {formats.money(budget, currency)}"
    return drawing.sparkline_svg(drawing.sparkline(days, budget), told)


@register.simple_tag
def against(standing: Standing, currency: str) -> str:
    """What is left of which budget: "of €180.00, €37.20 left; €5.00 waived"."""
    waived = f"; {formats.money(standing.waived, currency)} waived" if standing.waived else ""
    if standing.budget is None or standing.remaining is None:
        return f"no limit set{waived}"
    rest = formats.left_or_over(standing.remaining, currency)
    return f"of {formats.limit(standing.budget, currency)}, {rest}{waived}"


@register.simple_tag
def of_budget(standing: Standing, currency: str) -> str:
    """The budget beside what was spent: "of €180.00"."""
    return "no limit" if standing.budget is None else f"of {formats.limit(standing.budget, currency)}"


@register.filter
def lower_first(words: str) -> str:
    """Inside a sentence."""
    return words[:1].lower() + words[1:]


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any]) -> Iterator[pages.Link]:
    """The header's links for whoever is signed in."""
    return pages.links(context["request"])


@register.simple_tag(takes_context=True)
def admin_page(context: dict[str, Any], name: str, right: str) -> str:
    """The address of an admin page; '' where there is none, or it is not open to whoever is signed in."""
    url = pages.url_or_none(f"admin:{name}")
    return url if url and pages.admin_is_open_to(context["request"].user, Right(right)) else ""

"""Small pieces of HTML that lists and pages share. A bar is drawn from integers and stands beside its figures."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ads import formats
from ads.models import Brand, Campaign, StatusChange
from ads.rules.money import from_micros
from ads.rules.periods import Calendar
from ads.rules.serving import Reason, Status
from ads.services.standings import Standing

NOTHING = format_html('<span class="ab-muted">{}</span>', formats.NOTHING_KNOWN)


def change_url(row: Model) -> str:
    """The address of a row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=(row.pk,))


def list_url(model: type[Model], query: str = "") -> str:
    """The address of a model's list, filtered by a query string."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{url}?{query}" if query else url


def dashboard_url(row: Any) -> str:
    """Where the dashboard shows it: a campaign's page before a brand's, a change of status at its moment; or ''."""
    campaign = row if isinstance(row, Campaign) else getattr(row, "campaign", None)
    brand = row if isinstance(row, Brand) else getattr(row, "brand", None)
    if isinstance(row, StatusChange):
        wall = row.brand.calendar.wall_clock(row.at)
        url = reverse("dashboard:campaign-moment", args=(row.campaign_id,))
        return f"{url}?{urlencode({'day': f'{wall:%Y-%m-%d}', 'time': f'{wall:%H:%M:%S}'})}#h-was"
    if campaign is not None:
        return reverse("dashboard:campaign", args=(campaign.pk,))
    return reverse("dashboard:brand", args=(brand.pk,)) if brand is not None else ""


def link(row: Model, text: str = "") -> SafeString:
    """A link to a row's page."""
    return format_html('<a class="ab-link" href="{}">{}</a>', change_url(row), text or str(row))


def lines(*parts: str) -> SafeString:
    """One thing under the other; empty ones are left out."""
    stacked = format_html_join("", '<span class="ab-line">{}</span>', ((part,) for part in parts if part))
    return format_html('<span class="ab-lines">{}</span>', stacked)


def muted(text: str) -> SafeString:
    """What is said beside the point."""
    return format_html('<span class="ab-muted">{}</span>', text)


# Drawn, because fonts differ in these signs; their text stands in ads/formats.py.
_SHAPES = {
    "▶": '<path d="M3 1.5v9l7.5-4.5z"/>',
    "‖": '<path d="M2.5 1.5h2.5v9H2.5zM7 1.5h2.5v9H7z"/>',
    "⊘": '<path d="M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1m0 1.5c.74 0 1.42.23 1.99.62L3.12 7.99A3.5 3.5 0 0 1 6 2.5'
    'm0 7c-.74 0-1.42-.23-1.99-.62l4.87-4.87A3.5 3.5 0 0 1 6 9.5"/>',
    "⚑": '<path d="M2.5 1H4v.5h6L8.5 4 10 6.5H4V11H2.5z"/>',
    "✓": '<path d="M4.6 10.2.9 6.6l1.3-1.3 2.3 2.2 5.1-5.4 1.4 1.3z"/>',
    "=": '<path d="M1.5 3.2h9v1.7h-9zM1.5 7.1h9v1.7h-9z"/>',
    "!": '<path d="M6 .8a.7.7 0 0 1 .6.35l5.2 9a.7.7 0 0 1-.6 1.05H.8a.7.7 0 0 1-.6-1.05l5.2-9A.7.7 0 0 1 6 .8'
    'M5.4 4v3.4h1.2V4zm0 4.3v1.3h1.2V8.3z"/>',
    "□": '<path d="M1 1h10v3h-.6v7H1.600V4H1zm1.200 1.200v.7h7.600v-.7z'
    'M2.800 4.100v5.700h6.400V4.100zM4.500 5.100h3v1.100h-3z"/>',
    "…": '<path d="M1 5h2v2H1zM5 5h2v2H5zM9 5h2v2H9z"/>',
    "↶": '<path d="m4.600 1.600.9.9-1.400 1.400h3.400a3.200 3.200 0 0 1 0 6.400H3.700V8.900h3.800a1.800 1.800 0 0 0'
    ' 0-3.600H4.100l1.400 1.400-.9.9L1.600 4.600z"/>',
}


def shape(sign: str) -> SafeString:
    """A status sign as a drawing in the colour of its text."""
    drawing = SafeString(_SHAPES[sign])
    return format_html('<svg class="ab-shape" viewBox="0 0 12 12" aria-hidden="true">{}</svg>', drawing)


def pill(status: str, reasons: tuple[Reason, ...] = ()) -> SafeString:
    """A status by shape and word; the colour only repeats them."""
    return mark(formats.look(Status(status), reasons))


def mark(look: formats.Look) -> SafeString:
    """A look as people see it: shape and word on its tone."""
    return format_html('<span class="ab-pill ab-{}">{}{}</span>', look.tone, shape(look.shape), look.word)


def tag(text: str) -> SafeString:
    """A word that sets something apart, such as Archived."""
    return format_html('<span class="ab-tag">{}</span>', text)


def reasons_list(reasons: Iterable[Reason]) -> SafeString:
    """Every reason in words, in their order."""
    return format_html_join(
        "", '<span class="ab-line ab-why">{}</span>', ((reason.words,) for reason in reasons)
    )


def status(status: str, reasons: tuple[Reason, ...]) -> SafeString:
    """The pill with every reason beside it."""
    return format_html('<span class="ab-status">{}{}</span>', pill(status, reasons), reasons_list(reasons))


def bar(standing: Standing) -> SafeString:
    """Spent against the budget, as a drawing; nothing where there is no budget to draw against."""
    drawn = formats.bar(standing.counted, standing.budget)
    if drawn is None:
        return SafeString("")
    over = format_html(
        '<rect class="ab-over" x="{}%" width="{}%" height="100%"/>', formats.BUDGET_AT, drawn.over
    )
    return format_html(
        '<svg class="ab-bar" aria-hidden="true" focusable="false"><rect class="ab-track" width="100%" height="100%"/>'
        '<rect class="ab-within" width="{}%" height="100%"/>{}'
        '<line class="ab-budget" x1="{}%" x2="{}%" y1="0" y2="100%"/></svg>',
        drawn.within,
        over if drawn.over else "",
        formats.BUDGET_AT,
        formats.BUDGET_AT,
    )


def against_budget(standing: Standing, currency: str) -> SafeString:
    """A list's cell: the bar, what counts of which budget, and what is left or over."""
    return format_html('<span class="ab-amount">{}{}</span>', bar(standing), figures(standing, currency))


def figures(standing: Standing, currency: str) -> SafeString:
    """What counts of which budget, and what is left, over or waived, in figures and words."""
    counted = format_html("<b>{}</b>", formats.money(standing.counted, currency))
    waived = f"{formats.money(standing.waived, currency)} waived" if standing.waived else ""
    if standing.budget is None or standing.remaining is None:
        return lines(counted, muted(formats.NO_LIMIT_SET), muted(waived) if waived else "")
    of_budget = format_html("{} of {}", counted, formats.money(standing.budget, currency))
    rest = formats.left_or_over(standing.remaining, currency) if standing.budget else "Nothing may be spent"
    return lines(
        of_budget, over(rest) if standing.remaining < 0 else muted(rest), muted(waived) if waived else ""
    )


def over(text: str) -> SafeString:
    """What is beyond a limit: said in words, and set apart."""
    return format_html('<span class="ab-exceeded">{}</span>', text)


def amount(micros: int, currency: str) -> SafeString:
    """An amount of the ledger, with all the decimals it has."""
    return format_html('<span class="ab-number">{}</span>', formats.exact_money(micros, currency))


def money_as_said(micros: int, currency: str) -> str:
    """An amount in what its record says of the currency, which may be no code: "£12.50", "12.50 not USD"."""
    if len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper():
        return formats.exact_money(micros, currency)
    return f"{from_micros(micros):,f} {currency}".rstrip()


def when(value: datetime | None, calendar: Calendar, now: datetime, *, seconds: bool = False) -> SafeString:
    """A moment on the brand's clock; a dash where none is known."""
    if value is None:
        return NOTHING
    return format_html(
        '<time class="ab-time" datetime="{}">{}</time>',
        value.isoformat(),
        formats.moment(value, calendar, now, seconds=seconds),
    )


def when_and_where(
    value: datetime | None, calendar: Calendar, now: datetime, *, seconds: bool = False
) -> SafeString:
    """A moment on the brand's clock, and which clock that is: for lists of many brands."""
    if value is None:
        return NOTHING
    return lines(when(value, calendar, now, seconds=seconds), muted(formats.city(value, calendar)))


def campaign_with_brand(campaign: Campaign) -> SafeString:
    """The campaign's link, and its brand under it."""
    return lines(link(campaign), muted(campaign.brand.name))


def progress(pk: int, state: str, done: Mapping[str, Any]) -> SafeString:
    """How far the work on an import is; the page's script keeps it so."""
    value = "" if done["percent"] is None else format_html(' value="{}"', done["percent"])
    return format_html(
        '<span class="ab-progress" data-import="{}" data-state="{}"><progress max="100"{} aria-label="How far it is">'
        '</progress><span class="ab-muted" data-words>{}</span></span>',
        pk,
        state,
        value,
        done["words"],
    )


def name(text: str) -> SafeString:
    """What a row is called."""
    return format_html('<span class="ab-name">{}</span>', text)


def brand_name(brand: Brand) -> SafeString:
    """The brand's name with what sets it apart."""
    apart = tag("Archived") if brand.archived_at else "" if brand.is_active else pill(Status.INACTIVE)
    return format_html('<span class="ab-name">{}</span> {}', brand.name, apart)


def campaign_label(campaign: Campaign) -> str:
    """A campaign among those of all brands: Summer Sale of Acme (EUR)."""
    archived = ", archived" if campaign.archived_at else ""
    return f"{campaign.name}, {campaign.brand.name} ({campaign.brand.currency}{archived})"


def copied(copy: Campaign) -> SafeString:
    """Says that a copy was made, with the way to it."""
    return format_html("{} was made, switched off and without an id on the platform.", link(copy))

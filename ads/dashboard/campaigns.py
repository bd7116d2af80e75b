"""The list of campaigns: which run, which do not and why, what each spent, and when it changes next."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from ads import formats
from ads.dashboard import brand_words
from ads.dashboard import campaign_words as words
from ads.models import Brand, Campaign, CampaignQuerySet
from ads.rules.serving import Reason, Status
from ads.services.brand_campaigns import CampaignRow, rows_of
from ads.services.campaign_list import ARCHIVED, IS_LIVE, Numbers, count_by_brand, page_of
from ads.services.standings import CampaignStanding

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One campaign of the list."""

    campaign: Campaign
    standing: CampaignStanding
    why: str
    next: str
    next_why: str
    has_moment: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter by status, with how many it leaves."""

    label: str
    url: str
    number: int
    is_current: bool


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for, as it stands in the address."""

    q: str
    status: str
    reason: str
    brand: str

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Filters":
        status, reason, brand = (given.get(name, "") for name in ("status", "reason", "brand"))
        return cls(
            q=given.get("q", "").strip(),
            status=status if status in {*Status, ARCHIVED} else "",
            reason=reason if reason in set(Reason) else "",
            brand=brand if brand.isdecimal() else "",
        )

    def __bool__(self) -> bool:
        return bool(self.q or self.status or self.reason or self.brand)

    def url(self, **other: str | int) -> str:
        """The address with some of it changed."""
        asked = {"q": self.q, "status": self.status, "reason": self.reason, "brand": self.brand} | other
        return "?" + urlencode({name: value for name, value in asked.items() if value})

    def but_status(self, campaigns: CampaignQuerySet) -> CampaignQuerySet:
        """Those that fit all but the status."""
        if self.q:
            # Of the brands first: their names are looked at once each, not once for each campaign.
            named = Brand.objects.filter(name__icontains=self.q).order_by().values("pk")
            text = Q(name__icontains=self.q) | Q(brand__in=named) | Q(external_id=self.q)
            campaigns = campaigns.filter(text)
        if self.brand:
            campaigns = campaigns.filter(brand_id=int(self.brand))
        # No reason's code is part of another's.
        return campaigns.filter(reason_codes__contains=self.reason) if self.reason else campaigns


@require_GET
def campaigns(request: HttpRequest) -> HttpResponse:
    """The campaigns that the signed-in person has a right to, by brand and name."""
    now, filters = timezone.now(), Filters.of(request.GET.dict())
    fitting = filters.but_status(Campaign.objects.visible_to(request.user))
    brands = list(
        Brand.objects.visible_to(request.user).order_by("name").values_list("pk", "name", "archived_at")
    )
    by_brand = count_by_brand(fitting, {pk for pk, _, archived_at in brands if archived_at})
    numbers = _by_status(by_brand)
    found = fitting.exclude(IS_LIVE) if filters.status == ARCHIVED else fitting.filter(IS_LIVE)
    if filters.status in set(Status):
        found = found.filter(status=filters.status)
    counted = {filters.status} if filters.status else set(Status)
    of_brands = [(pk, sum(by_brand[pk, status] for status in counted)) for pk, _, _ in brands]
    total = sum(number for _, number in of_brands)
    pages = max(1, -(-total // PER_PAGE))
    asked = request.GET.get("page", "")
    page = min(max(1, int(asked) if asked.isdecimal() else 1), pages)
    shown = list(page_of(found.select_related("brand"), of_brands, (page - 1) * PER_PAGE, PER_PAGE))
    context = {
        "filters": filters,
        "chips": _chips(filters, numbers),
        "reasons": [(reason.value, reason.words) for reason in Reason],
        "brands": [(pk, name) for pk, name, _ in brands],
        "rows": _rows(shown, now),
        "total": total,
        "first": (page - 1) * PER_PAGE + 1,
        "last": (page - 1) * PER_PAGE + len(shown),
        "previous": filters.url(page=page - 1) if page > 1 else "",
        "following": filters.url(page=page + 1) if page < pages else "",
        "title": _title(filters, numbers, total),
        "now": now,
    }
    return render(request, "dashboard/campaigns.html", context)


def _by_status(by_brand: Numbers) -> Counter[str]:
    numbers: Counter[str] = Counter()
    for (_, status), number in by_brand.items():
        numbers[status] += number
    return numbers


def _title(filters: Filters, numbers: Counter[str], total: int) -> str:
    if not total:
        return "No campaign fits" if filters else "No campaigns yet"
    if filters.status:
        word = "archived" if filters.status == ARCHIVED else Status(filters.status).word.lower()
        return f"{formats.counted(total, 'campaign')} {word}"
    return f"{numbers[Status.ACTIVE]:,} of {formats.counted(total, 'campaign')} running"


def _chips(filters: Filters, numbers: Counter[str]) -> list[Chip]:
    options = [("", "All", sum(numbers[status] for status in Status))]
    options += [(status.value, status.word, numbers[status]) for status in Status]
    options.append((ARCHIVED, "Archived", numbers[ARCHIVED]))
    return [
        Chip(label, filters.url(status=value), number, filters.status == value)
        for value, label, number in options
    ]


def _rows(campaigns: Sequence[Campaign], now: datetime) -> list[Row]:
    return [_row(each, now) for each in rows_of(campaigns, now)]


def _row(row: CampaignRow, now: datetime) -> Row:
    reasons = row.campaign.reasons
    words_of_next, why = brand_words.next_change(row, now)
    return Row(
        campaign=row.campaign,
        standing=row.standing,
        why=words.capital(words.stands(reasons)) if reasons else "",
        next=words_of_next,
        next_why=why,
        has_moment=row.stops_at is not None or row.again_at is not None,
    )

"""An agency to do things to, and the count of its books afterwards."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db.models import F, Sum

from ads.models import Brand, Campaign, Scope, SpendKey, SpendLog, StatusChange
from ads.rules.money import from_micros
from ads.services import reconcile, tokens
from ads.services.serving import decide_live
from ads.tests.factories import BrandFactory, CampaignFactory
from drills.figures import Figure, exactly, none_of


def make_agency(
    *, brands: int, campaigns: int, daily_budget: Decimal | None, zone: str = "UTC"
) -> list[Campaign]:
    """So many brands with so many campaigns each; the budget is the brand's."""
    made = BrandFactory.create_batch(
        brands, daily_budget=daily_budget, monthly_budget=None, timezone=zone, currency="USD"
    )
    return [campaign for brand in made for campaign in CampaignFactory.create_batch(campaigns, brand=brand)]


def make_token(name: str = "ada") -> str:
    """What a program shows that may do everything."""
    return tokens.issue(User.objects.create_superuser(name), "drill", list(Scope.values)).text


def in_the_ledger() -> Decimal:
    """The sum of all its rows."""
    return from_micros(int(SpendLog.objects.aggregate(micros=Sum("amount_micros"))["micros"] or 0))


def books(now: datetime, *, rows: int, amount: Decimal, identities: int | None = None) -> Iterator[Figure]:
    """Whether the ledger holds just these rows, and everything that is derived from it agrees."""
    yield exactly("rows in the ledger", SpendLog.objects.count(), rows)
    yield exactly("identities", SpendKey.objects.count(), rows if identities is None else identities)
    yield exactly("amount in the ledger", in_the_ledger(), amount)
    yield none_of(
        "totals that differ from the ledger", [str(each) for each in reconcile.reconcile(now).differences]
    )
    yield from statuses(now)


def statuses(now: datetime) -> Iterator[Figure]:
    """Whether each campaign's status is what the rule decides, and its history leads there without a gap."""
    stored = dict(Campaign.objects.order_by().values_list("pk", "status"))
    decided = decide_live(list(Brand.objects.all()), Campaign.objects.all(), now)
    wrong = [f"{pk} is {stored[pk]}" for pk, decision in decided if decision.status != stored[pk]]
    yield none_of("statuses that the rule decides otherwise", wrong)
    yield none_of("gaps in the histories", list(_gaps()))
    same = StatusChange.objects.filter(from_status=F("to_status"), from_reason_codes=F("reason_codes"))
    yield none_of("changes that change nothing", [str(each) for each in same[:5]])


def _gaps() -> Iterator[str]:
    """Numbers of a brand that are left out or given twice, and changes from what the one before did not lead to."""
    numbers: dict[int, int] = {}
    stood: dict[int, tuple[str, str]] = {}
    changes = StatusChange.objects.order_by("brand_id", "sequence")
    for each in changes.iterator():
        if each.sequence != numbers.get(each.brand_id, 0) + 1:
            yield f"brand {each.brand_id}: {each.sequence} after {numbers.get(each.brand_id, 0)}"
        numbers[each.brand_id] = each.sequence
        before = stood.get(each.campaign_id)
        if before is not None and before != (each.from_status, each.from_reason_codes):
            yield f"campaign {each.campaign_id}: change {each.sequence} is from {each.from_status}, not {before[0]}"
        stood[each.campaign_id] = (each.to_status, each.reason_codes)
    for pk, *stands in Campaign.objects.filter(pk__in=list(stood)).values_list(
        "pk", "status", "reason_codes"
    ):
        if stood[pk] != tuple(stands):
            yield f"campaign {pk}: is {stands[0]}, last changed to {stood[pk][0]}"

"""Many budgets changed by one percentage: tried first and taken back whole, or done exactly as it was told."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b

from django.db import transaction
from django.db.models import BigIntegerField, Case, F, Value, When

from ads.actor import Actor, acting_as
from ads.currencies import minor_units
from ads.errors import ChangedMeanwhile
from ads.models import Brand, BrandQuerySet, Campaign, CampaignQuerySet
from ads.rules.money import by_percent
from ads.services import consequences
from ads.services.enforcement import Change
from ads.services.transactions import retrying

LEAST_PERCENT, MOST_PERCENT = Decimal(-100), Decimal(1000)


class Budget(StrEnum):
    """A budget that brands or campaigns have."""

    DAILY = "daily"
    MONTHLY = "monthly"
    TOTAL = "total"

    @property
    def column(self) -> str:
        """Where it is stored."""
        return f"{self.value}_budget_micros"


@dataclass(frozen=True, slots=True)
class BudgetChange:
    """One budget in micros, before and after; None is no limit, which stays."""

    before: int | None
    after: int | None

    @property
    def is_change(self) -> bool:
        """Whether it is another afterwards."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class OwnerChange:
    """A brand or campaign with its budgets, and the campaigns that change by them."""

    owner: Brand | Campaign
    budgets: Mapping[Budget, BudgetChange]
    changes: Sequence[Change]

    @property
    def is_change(self) -> bool:
        """Whether any of its budgets is another afterwards."""
        return any(budget.is_change for budget in self.budgets.values())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the percentage does to each, by name; `fingerprint` tells one outcome from another."""

    owners: Sequence[OwnerChange]
    changes: Sequence[Change]

    @property
    def budgets(self) -> int:
        """How many budgets change."""
        return sum(budget.is_change for each in self.owners for budget in each.budgets.values())

    @property
    def fingerprint(self) -> str:
        told = [
            (
                each.owner.pk,
                sorted((kind, budget.before, budget.after) for kind, budget in each.budgets.items()),
            )
            for each in self.owners
        ]
        followed = [
            (change.campaign_id, change.from_status, change.from_reasons, change.to_status, change.reasons)
            for change in self.changes
        ]
        return blake2b(repr((sorted(told), sorted(followed))).encode(), digest_size=16).hexdigest()


@retrying
def change_by_percent(
    owners: BrandQuerySet | CampaignQuerySet,
    percent: Decimal,
    kinds: Collection[Budget],
    *,
    by: Actor = None,
    seen: str | None = None,
    dry_run: bool = False,
) -> Outcome:
    """Changes these budgets of brands or campaigns by the percentage, and decides what follows.

    A dry run is taken back whole. Raises ChangedMeanwhile where the outcome is not the one that was `seen`,
    MoneyError where a budget would be out of range.
    """
    if not LEAST_PERCENT <= percent <= MOST_PERCENT:
        raise ValueError(f"{percent} per cent is out of range; give {LEAST_PERCENT} to {MOST_PERCENT}")
    asked = dict(owners.order_by().values_list("pk", owners.path_to_brand_id))
    with acting_as(by):
        point = consequences.mark(set(asked.values()))
        found = _read(owners, asked)
        budgets = {owner.pk: _budgets(owner, percent, kinds) for owner in found}
        _write(owners, budgets)
        changes = consequences.since(point)
    outcome = Outcome(
        [
            OwnerChange(owner, budgets[owner.pk], followed)
            for owner, followed in zip(found, _of_each(found, changes), strict=True)
        ],
        changes,
    )
    if seen is not None and seen != outcome.fingerprint:
        raise ChangedMeanwhile("Something changed since this was told")
    transaction.set_rollback(dry_run)
    return outcome


def _read(owners: BrandQuerySet | CampaignQuerySet, ids: Collection[int]) -> Sequence[Brand | Campaign]:
    if owners.model is Campaign:
        return list(Campaign.objects.filter(pk__in=ids).select_related("brand"))
    return list(Brand.objects.filter(pk__in=ids))


def _budgets(
    owner: Brand | Campaign, percent: Decimal, kinds: Collection[Budget]
) -> dict[Budget, BudgetChange]:
    brand = owner if isinstance(owner, Brand) else owner.brand
    found = {}
    for kind in kinds:
        before: int | None = getattr(owner, kind.column)
        field = f"{kind.value} budget of {owner}"
        after = by_percent(before, percent, minor_units(brand.currency), field=field) if before else before
        found[kind] = BudgetChange(before, after)
    return found


def _write(
    owners: BrandQuerySet | CampaignQuerySet, budgets: Mapping[int, Mapping[Budget, BudgetChange]]
) -> None:
    """All in one statement, past no history and no decision."""
    changed: defaultdict[str, list[When]] = defaultdict(list)
    ids = set()
    for pk, of_owner in budgets.items():
        for kind, budget in of_owner.items():
            if budget.is_change:
                changed[kind.column].append(When(pk=pk, then=Value(budget.after, BigIntegerField())))
                ids.add(pk)
    values = {
        column: Case(*cases, default=F(column), output_field=BigIntegerField())
        for column, cases in changed.items()
    }
    if values:
        owners.model.objects.filter(pk__in=ids).update(**values)


def _of_each(owners: Sequence[Brand | Campaign], changes: Sequence[Change]) -> list[list[Change]]:
    """The changes by whose budget they follow from."""
    by_brand: defaultdict[int, list[Change]] = defaultdict(list)
    by_campaign: defaultdict[int, list[Change]] = defaultdict(list)
    for change in changes:
        by_brand[change.brand_id].append(change)
        by_campaign[change.campaign_id].append(change)
    return [
        by_brand.get(owner.pk, []) if isinstance(owner, Brand) else by_campaign.get(owner.pk, [])
        for owner in owners
    ]

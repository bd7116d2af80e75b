"""What was spent of which budget at the moment of a status change, from the ledger and the history of settings."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from ads.models import (
    FLIGHT_STARTS_ON,
    Brand,
    Campaign,
    PeriodKind,
    SealedDay,
    SpendLog,
    StatusChange,
    Waiver,
)
from ads.rules.periods import ONE_DAY, month_start, next_month
from ads.rules.serving import Reason
from ads.services.standings import Standing

DAY, MONTH, FLIGHT = PeriodKind.DAY, PeriodKind.MONTH, PeriodKind.FLIGHT
_LIMITS = {
    Reason.BRAND_DAILY: (DAY, "daily_budget_micros"),
    Reason.BRAND_MONTHLY: (MONTH, "monthly_budget_micros"),
    Reason.CAMPAIGN_DAILY: (DAY, "daily_budget_micros"),
    Reason.CAMPAIGN_MONTHLY: (MONTH, "monthly_budget_micros"),
    Reason.CAMPAIGN_TOTAL: (FLIGHT, "total_budget_micros"),
}
_OF_BRAND = frozenset({Reason.BRAND_DAILY, Reason.BRAND_MONTHLY})

# By the key of the status change, and the reason of the budget.
Amounts = Mapping[tuple[int, Reason], Standing]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One budget at the moment of one change, with the period that was the current one."""

    change: int
    reason: Reason
    at: datetime
    kind: PeriodKind
    starts_on: date

    @property
    def column(self) -> str:
        return _LIMITS[self.reason][1]

    @property
    def days(self) -> Q:
        """The ledger's rows of the period."""
        if self.kind == FLIGHT:
            return Q()
        end = next_month(self.starts_on) if self.kind == MONTH else self.starts_on + ONE_DAY
        return Q(spent_on__gte=self.starts_on, spent_on__lt=end)


def load_amounts(campaign: Campaign, changes: Iterable[StatusChange]) -> Amounts:
    """Where each budget stood that these changes found reached, or no longer reached. Seven queries at most.

    What only rows would tell that have left the ledger is left out. The campaign was read with its brand.
    """
    asked = [each for change in changes for each in _asked(campaign, change)]
    if not asked:
        return {}
    of_brand = [each for each in asked if each.reason in _OF_BRAND]
    of_campaign = [each for each in asked if each.reason not in _OF_BRAND]
    waivers = list(_waivers(campaign, asked))
    return {
        **_standings(Q(brand=campaign.brand_id), Brand, campaign.brand_id, of_brand, waivers),
        **_standings(Q(campaign=campaign), Campaign, campaign.pk, of_campaign, waivers),
    }


def _asked(campaign: Campaign, change: StatusChange) -> Iterator[_Asked]:
    today = campaign.brand.calendar.local_date(change.at)
    starts = {DAY: today, MONTH: month_start(today), FLIGHT: FLIGHT_STARTS_ON}
    for reason in set(change.reasons) ^ set(change.from_reasons):
        if reason in _LIMITS:
            kind, _ = _LIMITS[reason]
            yield _Asked(change.pk, reason, change.at, kind, starts[kind])


@dataclass(frozen=True, slots=True)
class _Waived:
    is_of_brand: bool
    kind: str
    starts_on: date
    at: datetime
    micros: int


def _waivers(campaign: Campaign, asked: Collection[_Asked]) -> Iterator[_Waived]:
    rows = Waiver.objects.filter(
        Q(campaign__isnull=True) | Q(campaign=campaign),
        brand=campaign.brand_id,
        starts_on__in={each.starts_on for each in asked},
    ).order_by()
    for of_campaign, kind, starts_on, at, micros in rows.values_list(
        "campaign_id", "kind", "starts_on", "at", "amount_micros"
    ):
        yield _Waived(of_campaign is None, kind, starts_on, at, micros)


def _standings(
    owner: Q,
    model: type[Brand] | type[Campaign],
    pk: int,
    asked: Sequence[_Asked],
    waivers: Sequence[_Waived],
) -> dict[tuple[int, Reason], Standing]:
    if not asked:
        return {}
    # One sum for each: of its period, what was recorded by then.
    sums = {
        f"sum_{number}": Sum("amount_micros", filter=each.days & Q(recorded_at__lte=each.at))
        for number, each in enumerate(asked)
    }
    periods = Q()
    for each in asked:
        periods |= each.days
    of_owner = owner if any(each.kind == FLIGHT for each in asked) else owner & periods
    spent: dict[str, Any] = SpendLog.objects.filter(of_owner).aggregate(**sums)
    archived = _archived(SealedDay.objects.filter(of_owner), asked)
    budgets = _budgets(model, pk, max(each.at for each in asked))
    return {
        (each.change, each.reason): Standing(
            int(spent[f"sum_{number}"] or 0) + before,
            _waived(each, waivers),
            _budget(each, budgets),
        )
        for number, each in enumerate(asked)
        if (before := archived[number]) is not None
    }


def _archived(days: QuerySet[SealedDay], asked: Sequence[_Asked]) -> list[int | None]:
    """What rows that have left the ledger had added to each by its moment; None where only the rows would tell."""
    sums: dict[str, Sum | Count] = {}
    for number, each in enumerate(asked):
        began = each.days & Q(first_recorded_at__lte=each.at)
        sums[f"sum_{number}"] = Sum("amount_micros", filter=began)
        sums[f"unclear_{number}"] = Count("pk", filter=began & Q(last_recorded_at__gt=each.at))
    found: dict[str, Any] = days.aggregate(**sums)
    return [
        None if found[f"unclear_{number}"] else int(found[f"sum_{number}"] or 0)
        for number in range(len(asked))
    ]


def _waived(asked: _Asked, waivers: Iterable[_Waived]) -> int:
    return sum(
        waiver.micros
        for waiver in waivers
        if waiver.is_of_brand == (asked.reason in _OF_BRAND)
        and (waiver.kind, waiver.starts_on) == (asked.kind, asked.starts_on)
        and waiver.at <= asked.at
    )


def _budgets(model: type[Brand] | type[Campaign], pk: int, until: datetime) -> list[dict[str, Any]]:
    """The budgets as they were set, newest first."""
    columns = {column for _, column in _LIMITS.values()} & {
        field.name for field in model._meta.concrete_fields
    }
    rows = model.history.filter(id=pk, history_date__lte=until).order_by("-history_date", "-history_id")
    return list(rows.values("history_date", *columns))


def _budget(asked: _Asked, budgets: Iterable[dict[str, Any]]) -> int | None:
    return next((row[asked.column] for row in budgets if row["history_date"] <= asked.at), None)

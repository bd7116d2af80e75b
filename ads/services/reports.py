"""Spend of any range by brand, campaign, platform, day or month: read from the totals, which equal the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import chain, islice
from typing import Any

from django.db.models import DateField, F, Max, Q, QuerySet, Sum
from django.db.models.functions import TruncMonth

from ads.models import Brand, BrandPeriod, BrandQuerySet, CampaignPeriod, PeriodKind
from ads.rules.periods import ONE_DAY, month_start, next_month
from ads.services.given import OneOf

DAY, MONTH = PeriodKind.DAY, PeriodKind.MONTH
ROWS_AT_A_TIME = 2_000
BRANDS_READ_FIRST = 25


class Key(StrEnum):
    """What spend is told apart by, in the order of a report's columns. Currencies are always apart."""

    BRAND = "brand"
    CAMPAIGN = "campaign"
    PLATFORM = "platform"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for: of these brands, on the days from `first` to `last` by each brand's own calendar."""

    brands: BrandQuerySet
    first: date
    last: date
    keys: frozenset[Key]

    @property
    def has_budgets(self) -> bool:
        """Whether a row is one brand's or one campaign's day or month, so that it has a budget of its own."""
        is_one_owner = Key.CAMPAIGN in self.keys or (Key.BRAND in self.keys and Key.PLATFORM not in self.keys)
        return is_one_owner and self.budget_kind is not None

    @property
    def budget_kind(self) -> PeriodKind | None:
        """The kind of period that each row is; None where rows are of days that make up no period."""
        if Key.DAY in self.keys:
            return DAY
        if Key.MONTH in self.keys or (self.first.day == 1 and self.last == _month_end(self.first)):
            return MONTH
        return DAY if self.first == self.last else None

    def is_whole(self, starts_on: date | None) -> bool:
        """Whether all of a row's period is asked for: of a part of a month, the month's budget says nothing."""
        if self.budget_kind != MONTH or starts_on is None:
            return True
        return self.first <= starts_on and _month_end(starts_on) <= self.last


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a report, amounts in micros. What it is not told apart by is empty.

    `has_budget` is whether the budget of None means that there is no limit.
    """

    brand_id: int | None
    brand: str
    campaign_id: int | None
    campaign: str
    platform: str
    starts_on: date | None
    currency: str
    spent: int
    budget: int | None
    has_budget: bool

    @property
    def overspend(self) -> int | None:
        """What was spent beyond the budget; None where there is none."""
        return None if self.budget is None else max(0, self.spent - self.budget)


def of_brands_known_by_id(question: Question) -> Question:
    """The same question, its brands asked for now: so what reads a replica asks it for nobody's rights. One query."""
    if not question.brands.query.has_filters():  # every one
        return question
    found = list(question.brands.order_by().values_list("pk", flat=True))
    return replace(question, brands=Brand.objects.filter(OneOf("pk", found)))


def read_rows(question: Question, at_most: int | None = None) -> Iterator[Row]:
    """The report's lines in their order, read a part at a time. One query."""
    found = _grouped(question)
    lines = (found if at_most is None else found[:at_most]).iterator(chunk_size=ROWS_AT_A_TIME)
    return (_row(question, line) for line in lines)


def begin_rows(question: Question) -> Iterator[Row]:
    """The report's lines, as `read_rows` gives them, the first of them read already. One query."""
    rows = read_rows(question)
    return chain(list(islice(rows, 1)), rows)


def read_first_rows(question: Question, at_most: int) -> list[Row]:
    """The report's first lines. A constant number of queries.

    Lines go by the brands' names, so the first brands are asked for alone: as a rule they have enough lines.
    """
    if question.keys & {Key.BRAND, Key.CAMPAIGN} and question.keys != {Key.BRAND}:
        first = list(question.brands.order_by("name", "pk").values_list("pk", flat=True)[:BRANDS_READ_FIRST])
        of_first = replace(question, brands=Brand.objects.filter(OneOf("pk", first)))
        rows = list(read_rows(of_first, at_most)) if first else []
        if len(rows) == at_most or len(first) < BRANDS_READ_FIRST:
            return rows
    return list(read_rows(question, at_most))


def count_rows(question: Question, at_most: int | None = None) -> int:
    """How many lines the report has, counted up to `at_most`. One query."""
    periods, to_brand = _periods(question)
    columns = _columns(question.keys, to_brand)
    if Key.CAMPAIGN in question.keys:
        # The rest follows from the campaign, so one index tells its lines apart.
        columns = {"of_campaign": F("campaign_id")} | {
            name: column for name, column in columns.items() if name == "period"
        }
    lines = periods.order_by().annotate(**columns).values(*columns).annotate(spent=Sum("spent_micros"))
    number: int = (lines if at_most is None else lines[:at_most]).count()
    return number


def total_by_currency(question: Question) -> dict[str, int]:
    """What was spent in all, in micros, of each currency by its code. One query."""
    # What the campaigns of a brand spent is what the brand did, which takes a hundredth of the rows to add up.
    is_fine = bool(question.keys & {Key.CAMPAIGN, Key.PLATFORM})
    periods, to_brand = _periods(replace(question, keys=question.keys & {Key.DAY}))
    if is_fine:
        periods = periods.exclude(
            spent_micros=0
        )  # brands have rows of days without spend, campaigns have not
    currency = f"{to_brand}__currency"
    totals = periods.order_by(currency).values_list(currency).annotate(total=Sum("spent_micros"))
    return {code: int(total) for code, total in totals}


def _row(question: Question, line: dict[str, Any]) -> Row:
    starts_on = line.get("period")
    has_budget = question.has_budgets and question.is_whole(starts_on)
    return Row(
        brand_id=line.get("of_brand"),
        brand=line.get("brand_name", ""),
        campaign_id=line.get("of_campaign"),
        campaign=line.get("campaign_name", ""),
        platform=line.get("platform", ""),
        starts_on=starts_on,
        currency=line["currency"],
        spent=int(line["spent"]),
        budget=line["limit"] if has_budget else None,
        has_budget=has_budget,
    )


def _grouped(question: Question) -> QuerySet[Any, dict[str, Any]]:
    periods, to_brand = _periods(question)
    columns = _columns(question.keys, to_brand)
    figures: dict[str, Any] = {"spent": Sum("spent_micros")}
    if question.has_budgets:
        figures["limit"] = Max("budget_micros", filter=Q(kind=question.budget_kind))
    told_apart = periods.order_by().annotate(**columns).values(*columns)
    grouped: QuerySet[Any, dict[str, Any]] = told_apart.annotate(**figures).order_by(*columns)
    return grouped


def _columns(keys: frozenset[Key], to_brand: str) -> dict[str, Any]:
    """What rows are told apart by, in the order in which they are sorted."""
    columns: dict[str, Any] = {}
    if keys & {Key.BRAND, Key.CAMPAIGN}:
        columns |= {"brand_name": F(f"{to_brand}__name"), "of_brand": F(f"{to_brand}__pk")}
    if Key.CAMPAIGN in keys:
        columns |= {"campaign_name": F("campaign__name"), "of_campaign": F("campaign__pk")}
    if keys & {Key.CAMPAIGN, Key.PLATFORM}:
        columns["platform"] = F("campaign__platform")
    if Key.DAY in keys:
        columns["period"] = F("starts_on")
    elif Key.MONTH in keys:
        columns["period"] = TruncMonth("starts_on", output_field=DateField())
    return columns | {"currency": F(f"{to_brand}__currency")}


def _periods(question: Question) -> tuple[QuerySet[Any], str]:
    """The totals that make up the range, each day of it once, and the way from them to their brand."""
    is_fine = bool(question.keys & {Key.CAMPAIGN, Key.PLATFORM})
    to_brand = "campaign__brand" if is_fine else "brand"
    periods: QuerySet[Any] = (CampaignPeriod if is_fine else BrandPeriod).objects.filter(_chosen(question))
    if question.brands.query.has_filters():  # else every row is of one of them
        periods = periods.filter(**{f"{to_brand}__in": question.brands.order_by().values("pk")})
    return periods, to_brand


def _chosen(question: Question) -> Q:
    """Whole months by their totals, what is left of the range by those of its days."""
    first, last = question.first, question.last
    first_month = first if first.day == 1 else next_month(first)
    end_of_months = last + ONE_DAY if last == _month_end(last) else month_start(last)
    if Key.DAY in question.keys or first_month >= end_of_months:
        return Q(kind=DAY, starts_on__range=(first, last))
    months = Q(kind=MONTH, starts_on__gte=first_month, starts_on__lt=end_of_months)
    before = Q(kind=DAY, starts_on__gte=first, starts_on__lt=first_month)
    after = Q(kind=DAY, starts_on__gte=end_of_months, starts_on__lte=last)
    return months | before | after


def _month_end(day: date) -> date:
    return next_month(day) - ONE_DAY

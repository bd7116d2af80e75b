"""What one campaign spent on each of its brand's days, against the daily budget that was in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from ads.models import Campaign, CampaignPeriod, PeriodKind
from ads.rules.periods import ONE_DAY, Calendar


@dataclass(frozen=True, slots=True)
class CampaignDay:
    """One day, in micros; no budget where there was no limit."""

    day: date
    spent: int
    budget: int | None

    @property
    def over(self) -> int:
        """Spent beyond the budget."""
        return 0 if self.budget is None else max(0, self.spent - self.budget)


def load_days(campaign: Campaign, first: date, now: datetime) -> list[CampaignDay]:
    """Every day from `first`, or from the day the campaign was made if it is later and nothing was spent before,
    until today. Two queries.
    """
    calendar = campaign.brand.calendar
    today = calendar.local_date(now)
    rows = CampaignPeriod.objects.filter(
        campaign=campaign, kind=PeriodKind.DAY, starts_on__range=(first, today)
    ).order_by()
    stored = {
        day: CampaignDay(day, spent, budget)
        for day, spent, budget in rows.values_list("starts_on", "spent_micros", "budget_micros")
    }
    settings = list(
        Campaign.history.filter(id=campaign.pk)
        .order_by("history_date", "history_id")
        .values_list("history_date", "daily_budget_micros")
    )
    made = calendar.local_date(settings[0][0]) if settings else today
    day = max(first, min([made, *stored]))
    found = []
    while day <= today:
        found.append(stored.get(day) or CampaignDay(day, 0, _budget_of(settings, calendar, day)))
        day += ONE_DAY
    return found


def _budget_of(settings: Sequence[tuple[datetime, Any]], calendar: Calendar, day: date) -> int | None:
    """The budget at the day's end: until then it follows what people set."""
    _, end = calendar.day_bounds(day)
    before = [budget for at, budget in settings if at < end]
    budget: int | None = before[-1] if before else None
    return budget

"""What a brand spent on each day, beside the budget that was in force on it."""

from dataclasses import dataclass
from datetime import date

from ads.models import Brand, BrandPeriod, PeriodKind
from ads.rules.periods import ONE_DAY


@dataclass(frozen=True, slots=True)
class Day:
    """A day's spend and budget in micros. `spent` is None of a day to come; a budget of None is no limit.

    Of a day before the brand was there nothing `is_known`.
    """

    day: date
    spent: int | None
    budget: int | None
    is_known: bool = True

    @property
    def over(self) -> int:
        """What was spent beyond the budget."""
        return 0 if self.budget is None or self.spent is None else max(0, self.spent - self.budget)


def spend_per_day(brand: Brand, first: date, last: date, today: date) -> list[Day]:
    """Every day from the first to the last, both included; to come are those after today. One query."""
    rows = BrandPeriod.objects.filter(brand=brand, kind=PeriodKind.DAY, starts_on__range=(first, last))
    known = {
        day: (spent, budget)
        for day, spent, budget in rows.order_by().values_list("starts_on", "spent_micros", "budget_micros")
    }
    days = []
    for number in range((last - first).days + 1):
        day = first + number * ONE_DAY
        is_known = day >= today or day in known
        spent, budget = known.get(day, (0, brand.daily_budget_micros if day >= today else None))
        days.append(Day(day, None if day > today else spent, budget, is_known))
    return days

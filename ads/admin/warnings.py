"""What is allowed and still worth a word."""

from collections.abc import Iterator

from ads import formats
from ads.models import Brand
from ads.services.standings import child_budgets


def more_than_the_brand(brand: Brand) -> Iterator[str]:
    """A sentence where the campaigns' budgets add up to more than the brand's, which binds all the same."""
    children = child_budgets(brand)
    for period, total, number, budget in (
        ("daily", children.daily, children.with_daily, brand.daily_budget_micros),
        ("monthly", children.monthly, children.with_monthly, brand.monthly_budget_micros),
    ):
        if budget is not None and total > budget:
            one, more = (
                f"A campaign’s {period} budget adds",
                f"The {period} budgets of {number} campaigns add",
            )
            whose = more if number > 1 else one
            yield (
                f"{whose} up to {formats.exact_money(total, brand.currency)}, more than the {period} budget of "
                f"{brand.name}, {formats.exact_money(budget, brand.currency)}. The brand’s is the limit all the same."
            )

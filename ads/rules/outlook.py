"""When a campaign runs again if nothing but time passes: spend, budgets and switches stay as they are."""

from datetime import datetime

from ads.rules.dayparting import next_toggle
from ads.rules.periods import ONE_DAY, in_utc, next_month
from ads.rules.serving import CampaignFacts, Reason, decide, reached

# A day that ends one reason may begin another, such as a budget of 0 or spend dated ahead.
_MOST_STEPS = 100


def runs_again(facts: CampaignFacts, now: datetime) -> datetime | None:
    """Return the first instant from `now` on at which nothing stands against running.

    None where time alone does not bring it: somebody has to act first.
    """
    at = in_utc(now, "now")
    for _ in range(_MOST_STEPS):
        reasons = decide(facts, at).reasons
        if not reasons:
            return at
        ends = [_ends(facts, reason, at) for reason in reasons]
        if None in ends:
            return None
        at = max(end for end in ends if end is not None)
    return None


def _ends(facts: CampaignFacts, reason: Reason, at: datetime) -> datetime | None:
    """Return the first later instant at which this reason, which stands at `at`, may have ended; None for never."""
    calendar = facts.brand.calendar
    today = calendar.local_date(at)
    match reason:
        case Reason.FLIGHT_NOT_STARTED if facts.start_date is not None:
            return calendar.day_start(facts.start_date)
        case Reason.OUTSIDE_DAYPARTING:
            return next_toggle(facts.windows, facts.window_calendar, at)
        case Reason.BRAND_DAILY if not reached(0, facts.brand.daily_budget_micros):
            return calendar.day_start(today + ONE_DAY)
        case Reason.CAMPAIGN_DAILY if not reached(0, facts.daily_budget_micros):
            return calendar.day_start(today + ONE_DAY)
        case Reason.BRAND_MONTHLY if not reached(0, facts.brand.monthly_budget_micros):
            return calendar.day_start(next_month(today))
        case Reason.CAMPAIGN_MONTHLY if not reached(0, facts.monthly_budget_micros):
            return calendar.day_start(next_month(today))
    return None

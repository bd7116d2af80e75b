"""The numbers that alerts of some kinds tell beside spend and budget."""

from datetime import datetime

from django.conf import settings

from ads import formats
from ads.models import Alert, AlertKind
from ads.rules.periods import Calendar


def tell(alert: Alert) -> str:
    """How much, in a sentence; empty where the kind tells only spend and budget."""
    currency = alert.brand.currency if alert.brand else "USD"
    facts = alert.facts
    if alert.kind == AlertKind.PROJECTION and alert.budget_micros:
        projected, budget = int(facts["projected_micros"]), alert.budget_micros
        percent = abs(projected - budget) * 100 // budget
        return (
            f"{formats.whole_money(projected, currency)} projected by the end of the month, {percent} % "
            f"{'over' if projected > budget else 'under'} its {formats.exact_money(budget, currency)}; "
            f"{formats.money(alert.spent_micros or 0, currency)} spent so far."
        )
    if alert.kind == AlertKind.DEAD_FEED:
        last = f"The last record came at {_moment(alert, facts['last_at'])}." if facts["last_at"] else ""
        return f"No record in {formats.counted(int(facts['hours']), 'hour')} of running. {last}".strip()
    if alert.kind == AlertKind.QUARANTINE:
        number = int(facts["records"])
        return f"{formats.counted(number, 'record')} {'waits' if number == 1 else 'wait'} for a decision."
    if alert.kind == AlertKind.SPIKE:
        hour, usual = int(facts["hour_micros"]), int(facts["usual_micros"])
        return (
            f"{formats.money(hour, currency)} spent in one hour, {hour // usual} times the usual "
            f"{formats.money(usual, currency)}."
        )
    return ""


def _moment(alert: Alert, text: str) -> str:
    moment = datetime.fromisoformat(text)
    calendar = alert.brand.calendar if alert.brand is not None else Calendar.fixed(settings.TIME_ZONE)
    wall = calendar.wall_clock(moment)
    return f"{wall:%H:%M} on {formats.day(wall.date())}"

"""Which rule rules whom; and the rules that everybody begins with."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, router

from ads.models import AlertKind, AlertRule
from ads.services.given import among


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as those need it who raise alerts."""

    pk: int
    kind: str
    brand_id: int | None
    campaign_id: int | None
    period_kinds: Sequence[str]
    steps: Sequence[int]
    percent: int
    hours: int
    times: int
    is_active: bool


@dataclass(frozen=True, slots=True)
class Ruling:
    """The rules of some kinds that concern some brands and campaigns."""

    rules: Mapping[tuple[str, int | None, int | None], Rule]

    def of(self, kind: str, brand_id: int | None, campaign_id: int | None = None) -> Rule | None:
        """The rule of this kind that rules here: the most specific one, if it is not switched off."""
        for owner in ((brand_id, campaign_id), (brand_id, None), (None, None)):
            rule = self.rules.get((kind, *owner))
            if rule is not None:
                return rule if rule.is_active else None
        return None


def ruling(
    kinds: Sequence[AlertKind], brand_ids: Collection[int], campaign_ids: Collection[int] | None = None
) -> Ruling:
    """The rules of these kinds for these brands and campaigns (None: all campaigns of the brands). One query."""
    # Asked for while spend is booked, where composing a query takes longer than running it.
    of_brands, params = among("bigint", list(brand_ids))
    of_campaigns = ""
    if campaign_ids is not None:
        are_these, more = among("bigint", list(campaign_ids))
        of_campaigns, params = f"AND (campaign_id IS NULL OR campaign_id {are_these})", [*params, *more]
    sql = f"""
        SELECT id, kind, brand_id, campaign_id, period_kinds, steps, percent, hours, times, is_active
        FROM ads_alertrule
        WHERE (brand_id IS NULL OR brand_id {of_brands}) {of_campaigns}
          AND kind IN ({", ".join(["%s"] * len(kinds))})
    """  # noqa: S608 - only placeholders are put in
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, *kinds])
        return Ruling({(row[1], row[2], row[3]): _rule(*row) for row in cursor.fetchall()})


def _rule(
    pk: int,
    kind: str,
    brand_id: int | None,
    campaign_id: int | None,
    period_kinds: str,
    steps: str,
    percent: int | None,
    hours: int | None,
    times: int | None,
    is_active: bool,
) -> Rule:
    return Rule(
        pk, kind, brand_id, campaign_id, json.loads(period_kinds), json.loads(steps),
        percent or 0, hours or 0, times or 0, bool(is_active),
    )  # fmt: skip


DEFAULT_RULES: dict[AlertKind, dict[str, Any]] = {
    AlertKind.THRESHOLD: {"name": "50, 80, 90 and 100 % of a budget are spent"},
    AlertKind.BUDGET_PAUSE: {"name": "A budget has paused campaigns"},
    AlertKind.OVERSPEND: {"name": "10 % more than the budget is spent", "percent": 10},
    AlertKind.PROJECTION: {"name": "The month will end more than 20 % off its budget", "percent": 20},
    AlertKind.DEAD_FEED: {"name": "No spend arrives in 24 hours of running", "hours": 24},
    AlertKind.SPEND_WHILE_OFF: {"name": "A campaign that is off spends"},
    AlertKind.QUARANTINE: {"name": "Spend waits in quarantine"},
    AlertKind.SPIKE: {"name": "An hour's spend is above 3 times the usual", "times": 3},
    AlertKind.PLATFORM_DRIFT: {"name": "A platform does not do what was decided for 5 minutes"},
    AlertKind.CHANNEL_FAILING: {"name": "A channel does not deliver"},
}


def seed_alert_rules(*, using: str = "default", **_: object) -> None:
    """Makes the rules for everywhere that are missing, and leaves those that people changed as they are."""
    if not router.allow_migrate_model(using, AlertRule) or not _is_migrated(using):
        return
    rules = AlertRule.objects.using(using)
    there = set(rules.filter(brand__isnull=True).values_list("kind", flat=True))
    for kind, settings in DEFAULT_RULES.items():
        if kind not in there:
            rules.create(kind=kind, **settings)


def _is_migrated(using: str) -> bool:
    from django.db import connections

    return AlertRule._meta.db_table in connections[using].introspection.table_names()

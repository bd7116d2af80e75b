"""Which rule rules whom; and the rules that everybody begins with."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import router
from django.db.models import Q

from ads.models import AlertKind, AlertRule


@dataclass(frozen=True, slots=True)
class Ruling:
    """The rules of some kinds that concern some brands and campaigns."""

    rules: dict[tuple[str, int | None, int | None], AlertRule]

    def of(self, kind: str, brand_id: int | None, campaign_id: int | None = None) -> AlertRule | None:
        """The rule of this kind that rules here: the most specific one, if it is not switched off."""
        for owner in ((brand_id, campaign_id), (brand_id, None), (None, None)):
            rule = self.rules.get((kind, *owner))
            if rule is not None:
                return rule if rule.is_active else None
        return None


def ruling(
    kinds: Iterable[AlertKind], brand_ids: Collection[int], campaign_ids: Collection[int] | None = None
) -> Ruling:
    """The rules of these kinds for these brands and campaigns (None: all campaigns of the brands). One query."""
    of_campaigns = Q() if campaign_ids is None else Q(campaign__isnull=True) | Q(campaign__in=campaign_ids)
    rules = AlertRule.objects.filter(
        Q(brand__isnull=True) | Q(brand__in=brand_ids), of_campaigns, kind__in=list(kinds)
    ).order_by()
    return Ruling({(rule.kind, rule.brand_id, rule.campaign_id): rule for rule in rules})


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

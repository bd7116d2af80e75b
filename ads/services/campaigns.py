"""Switch campaigns on and off, copy and archive them, and tell whether and why one may run."""

from datetime import datetime
from decimal import Decimal
from typing import TypedDict

from django.utils import timezone

from ads.actor import Actor, acting_as
from ads.models import Brand, Campaign, CampaignPeriod, DaypartingSchedule, PeriodKind
from ads.rules.dayparting import inside
from ads.rules.money import from_micros
from ads.rules.serving import CampaignFacts, Decision, Status, decide
from ads.services.budgets import BudgetService
from ads.services.facts import StoredDecision, load_brand_facts, load_campaign_facts
from ads.services.transactions import retrying


class CampaignPerformance(TypedDict):
    """Amounts in the brand's currency; today is the brand's own day."""

    name: str
    brand: str
    is_active: bool
    should_be_active: bool
    blocking_reasons: list[str]
    spend_today: Decimal
    total_spend: Decimal
    has_dayparting: bool
    in_dayparting_window: bool


class CampaignService:
    """What people ask of campaigns, and the live answer. `now` is the present moment where it is not given."""

    @staticmethod
    def should_campaign_be_active(
        campaign: Campaign, *, now: datetime | None = None
    ) -> tuple[bool, list[str]]:
        """Whether it may run, and all that stands against it in words: computed now, not read from its status."""
        decision = CampaignService.decide_now(campaign, now=now)
        return not decision.reasons, [reason.words for reason in decision.reasons]

    @staticmethod
    def decide_now(campaign: Campaign, *, now: datetime | None = None) -> Decision:
        """The decision as it would be taken at this moment; writes nothing."""
        now = now or timezone.now()
        return decide(_facts(campaign, now)[1], now)

    @staticmethod
    @retrying
    def switch_off(campaign: Campaign, by: Actor = None) -> None:
        """A person's switch-off: no automation undoes it."""
        _set_enabled(campaign, enabled=False, by=by)

    @staticmethod
    @retrying
    def switch_on(campaign: Campaign, by: Actor = None) -> None:
        """It runs at once if nothing else stands against it."""
        _set_enabled(campaign, enabled=True, by=by)

    @staticmethod
    @retrying
    def archive(campaign: Campaign, by: Actor = None, *, now: datetime | None = None) -> None:
        """Off and out of the lists, still accepting spend."""
        with acting_as(by):
            Campaign.objects.filter(pk=campaign.pk, archived_at__isnull=True).update(
                archived_at=now or timezone.now()
            )
        campaign.refresh_from_db()

    @staticmethod
    @retrying
    def restore(campaign: Campaign, by: Actor = None) -> None:
        """Back from the archive, as people had asked of it before."""
        with acting_as(by):
            Campaign.objects.filter(pk=campaign.pk).update(archived_at=None)
        campaign.refresh_from_db()

    @staticmethod
    @retrying
    def copy(campaign: Campaign, by: Actor = None) -> Campaign:
        """A new campaign with the same budgets, flight and windows, switched off and without an external id."""
        with acting_as(by):
            Brand.objects.lock({campaign.brand_id})
            copy = Campaign(
                brand_id=campaign.brand_id,
                name=_free_name(campaign),
                enabled=False,
                daily_budget_micros=campaign.daily_budget_micros,
                monthly_budget_micros=campaign.monthly_budget_micros,
                total_budget_micros=campaign.total_budget_micros,
                start_date=campaign.start_date,
                end_date=campaign.end_date,
                platform=campaign.platform,
                account=campaign.account,
            )
            copy.save()
            DaypartingSchedule.objects.bulk_create(
                DaypartingSchedule(
                    campaign=copy,
                    day_of_week=schedule.day_of_week,
                    start_time=schedule.start_time,
                    end_time=schedule.end_time,
                    timezone=schedule.timezone,
                )
                for schedule in campaign.schedules.all()
            )
            copy.refresh_from_db()
        return copy

    @staticmethod
    def get_campaign_performance_summary(
        campaign: Campaign, *, now: datetime | None = None
    ) -> CampaignPerformance:
        """The campaign at a glance, decided live."""
        now = now or timezone.now()
        stored, facts = _facts(campaign, now)
        decision = decide(facts, now)
        flight = CampaignPeriod.objects.filter(campaign=campaign, kind=PeriodKind.FLIGHT).first()
        return CampaignPerformance(
            name=stored.name,
            brand=campaign.brand.name,
            is_active=stored.status == Status.ACTIVE,
            should_be_active=not decision.reasons,
            blocking_reasons=[reason.words for reason in decision.reasons],
            spend_today=BudgetService.get_campaign_spend_today(campaign, now=now),
            total_spend=from_micros(0) if flight is None else flight.spent,
            has_dayparting=bool(facts.windows),
            in_dayparting_window=inside(facts.windows, facts.window_calendar, now),
        )


def _facts(campaign: Campaign, now: datetime) -> tuple[StoredDecision, CampaignFacts]:
    brands = load_brand_facts(list(Brand.objects.filter(pk=campaign.brand_id)), now)
    (found,) = load_campaign_facts(Campaign.objects.filter(pk=campaign.pk), brands, now)
    return found


def _set_enabled(campaign: Campaign, *, enabled: bool, by: Actor) -> None:
    # Only this field: the instance in hand may be stale.
    with acting_as(by):
        Campaign.objects.filter(pk=campaign.pk).exclude(enabled=enabled).update(enabled=enabled)
    campaign.refresh_from_db()


def _free_name(campaign: Campaign) -> str:
    taken = set(Campaign.objects.filter(brand_id=campaign.brand_id).order_by().values_list("name", flat=True))
    number = 1
    while (name := f"{campaign.name[:180]} (copy{'' if number == 1 else f' {number}'})") in taken:
        number += 1
    return name

"""Connects what models announce to the services that answer, in the writer's own transaction."""

from collections.abc import Sequence

from django.apps import apps
from django.db.models import Model
from django.db.models.signals import post_migrate
from django.utils import timezone

from ads import guards
from ads.beat import seed_schedule
from ads.models import Brand, Campaign, Cause, DeliveryKind, SpendLog
from ads.rights import seed_roles
from ads.services import effects, enforcement, ingest, periods, platform_states, rights
from ads.services.alert_rules import seed_alert_rules
from ads.services.channels import seed_channel
from ads.services.mail import MailSender
from ads.services.messages import MessageSender
from ads.services.webhooks import WebhookSender
from ads.signals import append_requested, settings_changed


def connect() -> None:
    """Called once, when the application is ready."""
    settings_changed.connect(_decide_again, dispatch_uid="ads.decide_again")
    append_requested.connect(_append, dispatch_uid="ads.append")
    post_migrate.connect(guards.install, dispatch_uid="ads.guards")
    post_migrate.connect(seed_schedule, dispatch_uid="ads.schedule")
    post_migrate.connect(seed_alert_rules, sender=apps.get_app_config("ads"), dispatch_uid="ads.alert_rules")
    # After all others: roles are made of permissions, which each application makes after its tables.
    post_migrate.connect(seed_roles, sender=apps.get_app_config("ads"), dispatch_uid="ads.roles")
    rights.connect()
    post_migrate.connect(
        seed_channel, sender=apps.get_app_config("ads"), dispatch_uid="ads.channel_of_people"
    )
    effects.SENDERS[DeliveryKind.WEBHOOK] = WebhookSender()
    effects.SENDERS[DeliveryKind.MESSAGE] = MessageSender()
    effects.SENDERS[DeliveryKind.MAIL] = MailSender()


def _decide_again(
    sender: type[Model], *, brand_ids: set[int], campaign_ids: set[int] | None, **_: object
) -> None:
    now = timezone.now()
    brands = list(Brand.objects.filter(pk__in=brand_ids).order_by("pk"))
    if sender is Brand:
        periods.follow_zone(brands, now)
        periods.follow_brand_budgets(brands, now)
    if campaign_ids is None:
        enforcement.decide_brands(brands, cause=Cause.SETTINGS, now=now)
        return
    if sender is Campaign:
        periods.follow_campaign_budgets(brands, campaign_ids, now)
    enforcement.decide_campaigns(brands, campaign_ids, cause=Cause.SETTINGS, now=now)
    if sender is Campaign:
        platform_states.follow_settings(campaign_ids, now)


def _append(*, rows: Sequence[SpendLog], **_: object) -> None:
    ingest.append_rows(rows, now=timezone.now())

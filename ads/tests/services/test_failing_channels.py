"""A channel that does not deliver is an alert, which the others tell."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from ads.models import (
    Alert,
    AlertKind,
    AlertNotification,
    AlertRule,
    Brand,
    Campaign,
    ChannelKind,
    Delivery,
    NotificationChannel,
)
from ads.rights import VIEWER
from ads.services import BudgetService, alert_checks, effects
from ads.tests.factories import BrandFactory, ChannelFactory
from ads.tests.mailbox import taking_mail, text_of
from ads.tests.moments import NOON
from ads.tests.people import take_role
from ads.tests.receiver import Reply, receiving

pytestmark = pytest.mark.django_db

PEOPLE = "People of the brand"
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def only_these(db: None) -> None:
    told = [AlertKind.THRESHOLD, AlertKind.CHANNEL_FAILING]
    AlertRule.objects.exclude(kind__in=told).update(is_active=False)


@pytest.fixture
def ada() -> User:
    return User.objects.create_superuser("ada", "ada@agency.example")


@pytest.fixture
def nina(brand: Brand) -> User:
    """Somebody who looks at Acme."""
    user = take_role(User.objects.create_user("nina", "nina@agency.example"), VIEWER)
    brand.assigned_to.add(user)
    return user


def break_down(channel: NotificationChannel) -> None:
    NotificationChannel.objects.filter(pk=channel.pk).update(failing_since=NOON, last_error="It is down")


def told() -> set[str]:
    return set(AlertNotification.objects.values_list("channel__name", flat=True))


def test_is_told_within_a_minute_once_and_until_it_works(campaign: Campaign, ada: User, nina: User) -> None:
    with receiving() as receiver, taking_mail() as mailbox:
        receiver.reply = lambda _: Reply(503, body=b"no Slack today")
        with override_settings(OUTBOUND_TRUSTED_HOSTS=[receiver.host], **mailbox.settings):
            slack = ChannelFactory.create(name="#alerts", address=receiver.url)
            BudgetService.record_spend(campaign, Decimal(50), now=NOON)
            settled = NOON + timedelta(seconds=10)
            effects.drain(settled)
            assert [str(mail["to"]) for mail in mailbox.received] == ["nina@agency.example"]

            assert [alert_checks.check(settled + MINUTE).raised for _ in range(2)] == [1, 0]
            effects.drain(settled + 2 * MINUTE)
            mail = mailbox.received[-1]
            assert len(mailbox.received) == 2
            assert str(mail["to"]) == "ada@agency.example"
            assert str(mail["subject"]).strip() == "All brands: the channel “#alerts” does not deliver"
            text = text_of(mail)
            assert "What it should tell waits since " in text
            assert "You are told because you handle the alerts of every brand." in text
            assert "no Slack today" not in text

            receiver.reply = lambda _: Reply()
            effects.drain(settled + timedelta(hours=2))
            assert alert_checks.check(settled + timedelta(hours=2)).ended == 1
            break_down(slack)
            assert alert_checks.check(settled + timedelta(hours=3)).raised == 1
    ended, begun = Alert.objects.filter(kind=AlertKind.CHANNEL_FAILING).order_by("pk")
    assert ended.ended_at == settled + timedelta(hours=2)
    assert begun.ended_at is None
    assert not Alert.objects.visible_to(nina).filter(kind=AlertKind.CHANNEL_FAILING).exists()


def test_of_a_brand_is_told_by_the_agencys_and_the_people_of_the_brand(brand: Brand, nina: User) -> None:
    own = ChannelFactory.create(brand=brand, name="own")
    ChannelFactory.create(name="agency's")
    ChannelFactory.create(name="no default", is_default=False)
    ChannelFactory.create(name="another brand's", brand=BrandFactory.create())
    break_down(own)
    alert_checks.check(NOON)
    assert told() == {"agency's", PEOPLE}
    assert Alert.objects.get().brand == brand
    assert [row.user for row in AlertNotification.objects.exclude(user=None)] == [nina]


def test_is_told_by_those_that_the_rule_names_unless_it_is_that_one(ada: User) -> None:
    one, other = ChannelFactory.create(name="one"), ChannelFactory.create(name="other", is_default=False)
    rule = AlertRule.objects.get(kind=AlertKind.CHANNEL_FAILING)
    rule.channels.set([one, other])
    break_down(one)
    alert_checks.check(NOON)
    assert told() == {"other"}
    Alert.objects.all().delete()
    rule.channels.set([one])
    alert_checks.check(NOON)
    assert told() == {PEOPLE}


def test_of_people_is_told_by_the_channels(ada: User) -> None:
    ChannelFactory.create(name="#alerts")
    break_down(NotificationChannel.objects.get(kind=ChannelKind.PEOPLE))
    alert_checks.check(NOON)
    assert told() == {"#alerts"}


def test_is_over_when_it_is_switched_off(ada: User) -> None:
    channel = ChannelFactory.create()
    break_down(channel)
    assert alert_checks.check(NOON).raised == 1
    NotificationChannel.objects.filter(pk=channel.pk).update(is_active=False)
    assert alert_checks.check(NOON).ended == 1


def test_is_not_told_where_its_rule_is_switched_off(brand: Brand) -> None:
    AlertRule.objects.create(kind=AlertKind.CHANNEL_FAILING, name="Not here", brand=brand, is_active=False)
    break_down(ChannelFactory.create(brand=brand))
    assert alert_checks.check(NOON).raised == 0
    assert not Delivery.objects.exists()


def test_costs_the_same_number_of_queries_however_many_fail(ada: User) -> None:
    costs = []
    for _ in range(2):
        for channel in ChannelFactory.create_batch(3):
            break_down(channel)
        with CaptureQueriesContext(connection) as queries:
            alert_checks.check(NOON)
        costs.append(len(queries))
    assert costs[0] == costs[1]

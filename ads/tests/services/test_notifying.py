"""Telling alerts: who is told what and when, each once, and what happens when a channel is broken."""

from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.models import (
    Alert,
    AlertKind,
    AlertNotification,
    AlertRule,
    Brand,
    Campaign,
    ChannelKind,
    Delivery,
    DeliveryState,
    DigestChoice,
    NotificationChannel,
    NotificationPreference,
)
from ads.rights import VIEWER
from ads.rules.serving import Status
from ads.services import BudgetService, alerts, effects
from ads.services.channels import failing_for
from ads.services.messages import MessageSender
from ads.services.notifying import alert_changed
from ads.tests.factories import BrandFactory, CampaignFactory, ChannelFactory
from ads.tests.mailbox import Mailbox, taking_mail, text_of
from ads.tests.moments import NOON
from ads.tests.people import take_role
from ads.tests.receiver import Receiver, Reply, receiving

pytestmark = pytest.mark.django_db

SETTLED = NOON + timedelta(seconds=10)
SITE = "https://budgets.example"


@pytest.fixture(autouse=True)
def only_thresholds(db: None) -> None:
    """Other alerts of the same spend would be other messages."""
    AlertRule.objects.exclude(kind=AlertKind.THRESHOLD).update(is_active=False)


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.SITE_URL = SITE


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver, override_settings(OUTBOUND_TRUSTED_HOSTS=[receiver.host]):
        yield receiver


@pytest.fixture
def slack(receiver: Receiver) -> NotificationChannel:
    """The agency's channel, at an address that answers."""
    return ChannelFactory.create(name="#alerts", address=receiver.url)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with taking_mail() as mailbox, override_settings(**mailbox.settings):
        yield mailbox


@pytest.fixture
def nina(brand: Brand) -> User:
    """Somebody who looks at Acme."""
    user = take_role(User.objects.create_user("nina", "nina@agency.example"), VIEWER)
    brand.assigned_to.add(user)
    return user


def spend(campaign: Campaign, amount: str, now: datetime = NOON) -> None:
    BudgetService.record_spend(campaign, Decimal(amount), now=now)


def titles(receiver: Receiver) -> list[str]:
    """What Slack got, by the heading of each alert."""
    return [
        block["text"]["text"]
        for request in receiver.received
        for block in request.payload["blocks"]
        if block["type"] == "header"
    ]


def prefer(user: User, **wishes: Any) -> None:
    NotificationPreference.objects.update_or_create(user=user, defaults=wishes)


def waiting() -> set[tuple[str, datetime]]:
    return set(Delivery.objects.filter(state=DeliveryState.PENDING).values_list("target", "due_at"))


class TestOneMessageNamesAll:
    def test_that_was_crossed_at_once(self, campaign: Campaign, slack: Any, receiver: Receiver) -> None:
        spend(campaign, "40")
        spend(campaign, "65")
        assert effects.drain(SETTLED - timedelta(seconds=1)).delivered == 0
        assert receiver.received == []
        assert effects.drain(SETTLED).delivered == 1
        (request,) = receiver.received
        heading, section, link, why = request.payload["blocks"]
        assert heading["text"]["text"] == "Acme: 50, 80, 90 and 100 % of the daily budget reached"
        assert section["text"]["text"].splitlines() == [
            "$105.00 of $100.00 spent on Tue 10 Mar 2026, 105 %: $5.00 over.",
            "Since 12:00 on Tue 10 Mar 2026 (UTC).",
            "The budget is reached. The system pauses what it limits until a new period, a higher budget or a reset.",
        ]
        assert link["elements"][0]["text"] == f"<{SITE}/brands/{campaign.brand_id}/|Open the page>"
        assert why["elements"][0]["text"] == f"Sent by the channel “#alerts” of {SITE}"

    def test_and_is_sent_once_however_often_the_outbox_is_drained(
        self, campaign: Campaign, slack: Any, receiver: Receiver
    ) -> None:
        spend(campaign, "50")
        for _ in range(3):
            effects.drain(SETTLED)
        assert titles(receiver) == ["Acme: 50 % of the daily budget reached"]

    def test_that_was_crossed_before_it_is_sent(
        self, campaign: Campaign, slack: Any, receiver: Receiver
    ) -> None:
        spend(campaign, "50")
        spend(campaign, "30", NOON + timedelta(seconds=5))
        assert AlertNotification.objects.count() == 1
        effects.drain(SETTLED)
        effects.drain(SETTLED + timedelta(minutes=1))
        assert titles(receiver) == ["Acme: 50 and 80 % of the daily budget reached"]

    def test_and_a_later_one_only_what_is_new(
        self, campaign: Campaign, slack: Any, receiver: Receiver
    ) -> None:
        spend(campaign, "50")
        effects.drain(SETTLED)
        spend(campaign, "45", SETTLED)
        effects.drain(SETTLED + timedelta(seconds=10))
        assert titles(receiver) == [
            "Acme: 50 % of the daily budget reached",
            "Acme: 80 and 90 % of the daily budget reached",
        ]

    def test_that_was_crossed_while_the_channel_was_broken(
        self, campaign: Campaign, slack: Any, receiver: Receiver
    ) -> None:
        receiver.reply = lambda _: Reply(500)
        spend(campaign, "50")
        assert effects.drain(SETTLED).failed == 1
        spend(campaign, "35", SETTLED)
        receiver.reply = lambda _: Reply(200)
        receiver.received.clear()
        effects.drain(SETTLED + timedelta(hours=1))
        assert titles(receiver) == ["Acme: 50 and 80 % of the daily budget reached"]

    def test_that_was_crossed_while_the_message_was_on_its_way_is_told_by_the_next(
        self, campaign: Campaign, slack: Any, receiver: Receiver
    ) -> None:
        spend(campaign, "50")
        sender, delivery = MessageSender(), Delivery.objects.get()
        sender.prepare(delivery, SETTLED)
        spend(campaign, "30", SETTLED)
        sender.send(delivery)
        delivery.state, delivery.delivered_at = DeliveryState.DELIVERED, SETTLED
        delivery.save()
        effects.drain(SETTLED + timedelta(seconds=10))
        assert titles(receiver) == [
            "Acme: 50 % of the daily budget reached",
            "Acme: 80 % of the daily budget reached",
        ]

    def test_and_arming_again_is_another_message(
        self, campaign: Campaign, slack: Any, receiver: Receiver
    ) -> None:
        spend(campaign, "50")
        effects.drain(SETTLED)
        with freeze_time(SETTLED):
            campaign.brand.daily_budget = Decimal(1000)
            campaign.brand.save()
        spend(campaign, "450", SETTLED)
        effects.drain(SETTLED + timedelta(seconds=10))
        assert titles(receiver) == ["Acme: 50 % of the daily budget reached"] * 2


class TestWhoIsTold:
    def told(self) -> set[str]:
        return {target for target, _ in waiting()}

    def people(self) -> NotificationChannel:
        return NotificationChannel.objects.get(kind=ChannelKind.PEOPLE)

    def test_the_agencys_channels_where_the_brand_has_none_of_its_own(self, campaign: Campaign) -> None:
        agencys = ChannelFactory.create()
        ChannelFactory.create(brand=BrandFactory.create())
        ChannelFactory.create(is_default=False)
        ChannelFactory.create(is_active=False)
        spend(campaign, "50")
        assert self.told() == {f"channel:{agencys.pk}"}

    def test_the_brands_own_channels_and_not_the_agencys(self, campaign: Campaign) -> None:
        ChannelFactory.create()
        own = ChannelFactory.create(brand=campaign.brand)
        spend(campaign, "50")
        assert self.told() == {f"channel:{own.pk}"}

    def test_each_of_two_brands_by_its_own_channels(self, brand: Brand) -> None:
        brands = [brand, BrandFactory.create()]
        channels = [ChannelFactory.create(brand=each) for each in brands]
        raised = [
            Alert.objects.create(
                key=f"{each.pk}", kind=AlertKind.SPIKE, brand=each, raised_at=NOON, changed_at=NOON
            )
            for each in brands
        ]
        alert_changed(raised, NOON)
        told = set(AlertNotification.objects.values_list("alert__brand", "channel"))
        assert told == {(each.pk, channel.pk) for each, channel in zip(brands, channels, strict=True)}

    def test_the_channels_that_the_rule_names_and_nobody_else(self, campaign: Campaign, nina: User) -> None:
        ChannelFactory.create()
        ChannelFactory.create(brand=campaign.brand)
        named = ChannelFactory.create(is_default=False)
        foreign = ChannelFactory.create(brand=BrandFactory.create())
        AlertRule.objects.get(kind=AlertKind.THRESHOLD).channels.set([named, foreign])
        spend(campaign, "50")
        assert self.told() == {f"channel:{named.pk}"}

    def test_the_people_of_the_brand_who_can_be_and_want_to(self, campaign: Campaign, nina: User) -> None:
        users = {
            name: User.objects.create_user(name, f"{name}@agency.example")
            for name in ("off", "silent", "elsewhere")
        }
        nobody = User.objects.create_user("addressless")
        campaign.brand.assigned_to.add(users["off"], users["silent"], nobody)
        User.objects.filter(username="off").update(is_active=False)
        prefer(users["silent"], email=False)
        spend(campaign, "50")
        assert self.told() == {f"channel:{self.people().pk}:{nina.pk}"}

    def test_nobody_by_mail_where_that_channel_is_switched_off(self, campaign: Campaign, nina: User) -> None:
        NotificationChannel.objects.update(is_active=False)
        spend(campaign, "50")
        assert self.told() == set()
        assert Alert.objects.count() == 1

    def test_nobody_who_lost_the_brand_before_it_was_sent(
        self, campaign: Campaign, nina: User, mailbox: Mailbox
    ) -> None:
        spend(campaign, "50")
        campaign.brand.assigned_to.clear()
        effects.drain(SETTLED)
        assert mailbox.received == []
        assert Delivery.objects.get().state == DeliveryState.DELIVERED
        assert Delivery.objects.get().payload["dropped"] == "Nothing is left to tell."

    @pytest.mark.parametrize(
        "lose",
        [
            lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
            lambda user: User.objects.filter(pk=user.pk).update(email=""),
            lambda user: prefer(user, email=False),
            lambda user: NotificationChannel.objects.update(is_active=False),
            lambda user: user.groups.clear(),
            lambda user: user.delete(),
        ],
    )
    def test_nobody_who_is_gone_or_wants_no_mail_by_then(
        self, campaign: Campaign, nina: User, mailbox: Mailbox, lose: Callable[[User], object]
    ) -> None:
        spend(campaign, "50")
        lose(nina)
        assert effects.drain(SETTLED).failed == 0
        assert mailbox.received == []

    def test_one_person_who_cannot_be_reached_keeps_nobody_waiting(
        self, campaign: Campaign, nina: User, mailbox: Mailbox
    ) -> None:
        mira = take_role(User.objects.create_user("mira", "mira@agency.example"), VIEWER)
        campaign.brand.assigned_to.add(mira)
        mailbox.refuse = lambda line: "550 who?" if "nina@" in line else ""
        spend(campaign, "50")
        drained = effects.drain(SETTLED)
        assert (drained.delivered, drained.dead) == (1, 1)
        assert [str(mail["to"]) for mail in mailbox.received] == ["mira@agency.example"]

    def test_an_alert_of_no_brand_is_told_by_the_agencys_channels(self, db: None, receiver: Receiver) -> None:
        ChannelFactory.create(address=receiver.url)
        alert = Alert.objects.create(key="q", kind=AlertKind.QUARANTINE, raised_at=NOON, changed_at=NOON)
        alert_changed([alert], NOON)
        effects.drain(SETTLED)
        assert titles(receiver) == ["Unknown brand: spend is quarantined"]


class TestWhenPeopleAreTold:
    MORNING = NOON.replace(hour=7) + timedelta(days=1)

    def test_at_once_unless_they_said_otherwise(
        self, campaign: Campaign, nina: User, mailbox: Mailbox
    ) -> None:
        spend(campaign, "50")
        effects.drain(SETTLED)
        (mail,) = mailbox.received
        assert mail["subject"] == "Acme: 50 % of the daily budget reached"
        assert (
            f"You are told because this brand is assigned to you. When and whether you are: {SITE}/notif"
            in (text_of(mail))
        )

    def test_quiet_hours_hold_everything_back_and_tell_it_in_one(
        self, campaign: Campaign, nina: User, mailbox: Mailbox
    ) -> None:
        prefer(nina, quiet_from=time(22), quiet_until=time(7))
        late = NOON.replace(hour=23)
        spend(campaign, "50", late)
        spend(CampaignFactory.create(brand=campaign.brand, daily_budget=Decimal(10)), "31", late)
        effects.drain(self.MORNING - timedelta(seconds=1))
        assert mailbox.received == []
        effects.drain(self.MORNING)
        (mail,) = mailbox.received
        assert mail["subject"] == "2 alerts: Acme"
        assert "Acme: 50 and 80 % of the daily budget reached" in text_of(mail)
        assert "100 % of the daily budget reached" in text_of(mail)
        assert waiting() == set()

    def test_quiet_hours_are_on_the_persons_own_clock(self, campaign: Campaign, nina: User) -> None:
        prefer(nina, quiet_from=time(22), quiet_until=time(7), timezone="Asia/Tokyo")
        spend(campaign, "50", NOON.replace(hour=14))  # 23:00 in Tokyo
        assert {due for _, due in waiting()} == {NOON.replace(hour=22)}

    def test_a_digest_gathers_what_is_due_by_its_hour_and_no_more(
        self, campaign: Campaign, nina: User, mailbox: Mailbox
    ) -> None:
        prefer(nina, digest=DigestChoice.HOURLY)
        other = CampaignFactory.create(brand__name="Zenith")
        other.brand.assigned_to.add(nina)
        spend(campaign, "50", NOON + timedelta(minutes=5))
        spend(campaign, "30", NOON + timedelta(minutes=10))
        spend(other, "95", NOON + timedelta(minutes=55))
        effects.drain(NOON + timedelta(minutes=59))
        assert mailbox.received == []
        spend(CampaignFactory.create(brand__name="Later"), "95", NOON + timedelta(minutes=65))
        effects.drain(NOON + timedelta(hours=1))
        assert mailbox.subjects == ["2 alerts: Acme, Zenith"]
        text = text_of(mailbox.received[0])
        assert "Acme: 50 and 80 % of the daily budget reached" in text
        assert "Zenith: 50, 80 and 90 % of the daily budget reached" in text
        effects.drain(NOON + timedelta(hours=5))
        assert len(mailbox.received) == 1

    def test_a_daily_digest_in_quiet_hours_waits_for_their_end(self, campaign: Campaign, nina: User) -> None:
        prefer(nina, digest=DigestChoice.DAILY, daily_at=time(6), quiet_from=time(22), quiet_until=time(7))
        spend(campaign, "50")
        assert {due for _, due in waiting()} == {self.MORNING}

    def test_channels_know_no_quiet_hours(
        self, campaign: Campaign, slack: Any, nina: User, receiver: Receiver
    ) -> None:
        prefer(nina, quiet_from=time(0), quiet_until=time(23, 59))
        spend(campaign, "50")
        effects.drain(SETTLED)
        assert len(receiver.received) == 1


class TestWhatNeedsNoTelling:
    @pytest.mark.parametrize(
        "handle",
        [
            lambda pk: alerts.acknowledge([pk], NOON),
            lambda pk: alerts.snooze([pk], NOON + timedelta(hours=1)),
            lambda pk: Alert.objects.filter(pk=pk).update(resolved_at=NOON, resolved_by="mira"),
        ],
    )
    def test_any_more_because_somebody_has_handled_it(
        self, campaign: Campaign, slack: Any, receiver: Receiver, handle: Callable[[int], object]
    ) -> None:
        spend(campaign, "50")
        handle(Alert.objects.get().pk)
        assert effects.drain(SETTLED).delivered == 1
        assert receiver.received == []
        assert Delivery.objects.get().payload["dropped"] == "Nothing is left to tell."

    def test_now_because_it_is_snoozed_is_told_when_that_is_over(
        self, campaign: Campaign, slack: Any, receiver: Receiver
    ) -> None:
        spend(campaign, "50")
        until = NOON + timedelta(hours=1)
        alerts.snooze([Alert.objects.get().pk], until)
        effects.drain(SETTLED)
        spend(campaign, "30", NOON + timedelta(minutes=30))
        effects.drain(until - timedelta(seconds=1))
        assert receiver.received == []
        effects.drain(until + timedelta(seconds=10))
        assert titles(receiver) == ["Acme: 50 and 80 % of the daily budget reached"]

    def test_is_not_what_has_ended_by_itself_which_is_said(
        self, campaign: Campaign, nina: User, mailbox: Mailbox
    ) -> None:
        prefer(nina, digest=DigestChoice.HOURLY)
        spend(campaign, "50")
        alerts.end([Alert.objects.get().pk], NOON + timedelta(minutes=20))
        effects.drain(NOON + timedelta(hours=1))
        assert "It is over since 12:20 on Tue 10 Mar 2026 (UTC)." in text_of(mailbox.received[0])


class TestABrokenChannel:
    def test_holds_back_no_pause_and_is_seen_until_it_works(
        self, campaign: Campaign, slack: NotificationChannel, receiver: Receiver
    ) -> None:
        ada = User.objects.create_superuser("ada")
        receiver.reply = lambda _: Reply(503, body=b"no Slack today")
        spend(campaign, "100")
        campaign.refresh_from_db()
        assert campaign.status == Status.PAUSED
        effects.drain(SETTLED)
        slack.refresh_from_db()
        since = slack.failing_since
        assert since is not None
        assert slack.last_error == "Slack answered 503: no Slack today."
        assert failing_for(ada) == [slack]

        effects.drain(SETTLED + timedelta(hours=1))
        slack.refresh_from_db()
        assert slack.failing_since == since
        receiver.reply = lambda _: Reply(200)
        assert effects.drain(SETTLED + timedelta(hours=3)).delivered == 1
        again = NotificationChannel.objects.get(pk=slack.pk)
        assert (again.failing_since, again.last_error) == (None, "")
        assert failing_for(ada) == []

    def test_does_not_keep_the_others_waiting(
        self, campaign: Campaign, slack: NotificationChannel, receiver: Receiver
    ) -> None:
        broken = ChannelFactory.create(address="http://127.0.0.1:1/x")
        spend(campaign, "50")
        drained = effects.drain(SETTLED)
        assert (drained.delivered, drained.dead) == (1, 1)  # nothing may ever lead into this machine
        broken.refresh_from_db()
        assert "not on the open internet" in broken.last_error
        assert titles(receiver) == ["Acme: 50 % of the daily budget reached"]

    def test_that_will_not_work_again_leaves_a_dead_letter_whose_steps_the_next_message_names(
        self, campaign: Campaign, slack: NotificationChannel, receiver: Receiver
    ) -> None:
        receiver.reply = lambda _: Reply(404, body=b"no_service")
        spend(campaign, "50")
        assert effects.drain(SETTLED).dead == 1
        receiver.reply = lambda _: Reply(200)
        receiver.received.clear()
        spend(campaign, "30", SETTLED)
        effects.drain(SETTLED + timedelta(seconds=10))
        assert titles(receiver) == ["Acme: 50 and 80 % of the daily budget reached"]

    def test_that_is_redelivered_by_hand_says_the_same_again(
        self, campaign: Campaign, slack: NotificationChannel, receiver: Receiver
    ) -> None:
        spend(campaign, "50")
        effects.drain(SETTLED)
        alerts.acknowledge([Alert.objects.get().pk], NOON)
        delivery = Delivery.objects.get()
        effects.redeliver(delivery, by="mira")
        Delivery.objects.update(due_at=SETTLED)
        effects.drain(SETTLED + timedelta(minutes=1))
        assert titles(receiver) == ["Acme: 50 % of the daily budget reached"] * 2

    def test_that_is_deleted_takes_its_messages_along(
        self, campaign: Campaign, slack: NotificationChannel, receiver: Receiver
    ) -> None:
        spend(campaign, "50")
        slack.delete()
        assert effects.drain(SETTLED).failed == 0
        assert receiver.received == []

    def test_shows_its_address_to_nobody(
        self, campaign: Campaign, slack: NotificationChannel, receiver: Receiver
    ) -> None:
        NotificationChannel.objects.filter(pk=slack.pk).update(address=f"{receiver.url}/s3cr3t")
        receiver.reply = lambda _: Reply(0)
        spend(campaign, "50")
        effects.drain(SETTLED)
        slack.refresh_from_db()
        assert slack.failing_since is not None
        assert "s3cr3t" not in slack.last_error
        assert "s3cr3t" not in str(Delivery.objects.values_list("payload", "last_error").get())


class TestNames:
    def test_of_brands_and_campaigns_are_one_line_of_text(
        self, campaign: Campaign, nina: User, mailbox: Mailbox
    ) -> None:
        Brand.objects.filter(pk=campaign.brand_id).update(
            name="A\r\nBcc: eve@evil.example\u202e <b>" + "x" * 150
        )
        spend(campaign, "50")
        effects.drain(SETTLED)
        (mail,) = mailbox.received
        assert str(mail["subject"]).strip().startswith("A Bcc: eve@evil.example <b>xxx")
        assert str(mail["subject"]).endswith("…: 50 % of the daily budget reached")
        assert mail["bcc"] is None
        assert "<b>xxx" not in text_of(mail, "html")
        assert "&lt;b&gt;xxx" in text_of(mail, "html")

    def test_amounts_and_times_are_the_brands(self, slack: Any, receiver: Receiver) -> None:
        brand = BrandFactory.create(
            name="Kyoto Tea", currency="JPY", timezone="Asia/Tokyo", daily_budget=Decimal(1000)
        )
        spend(CampaignFactory.create(brand=brand), "500", NOON.replace(hour=20))
        effects.drain(NOON + timedelta(days=1))
        lines = receiver.received[0].payload["blocks"][1]["text"]["text"].splitlines()
        assert lines == [
            "¥500 of ¥1,000 spent on Wed 11 Mar 2026, 50 %.",
            "Since 05:00 on Wed 11 Mar 2026 (Asia/Tokyo).",
            "Campaigns go on; the system pauses them when the budget is reached.",
        ]


def test_who_is_to_be_told_is_found_with_the_same_number_of_queries_however_many_alerts(
    campaign: Campaign, slack: Any, nina: User
) -> None:
    def cost(number: int) -> int:
        raised = []
        for _ in range(number):
            brand = BrandFactory.create()
            brand.assigned_to.add(nina)
            raised.append(
                Alert.objects.create(
                    key=f"{brand.pk}",
                    kind=AlertKind.SPIKE,
                    brand=brand,
                    raised_at=NOON,
                    changed_at=NOON,
                )
            )
        with CaptureQueriesContext(connection) as queries:
            alert_changed(raised, NOON)
        assert AlertNotification.objects.filter(alert__in=raised).count() == 2 * number
        return len(queries)

    cost(1)
    assert cost(1) == cost(20)

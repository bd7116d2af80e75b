"""What the dashboard says of platforms: what was decided and what is done there, in words with their times."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from freezegun import freeze_time

from ads.models import Brand, Campaign, PlatformConnection, PlatformMode, PlatformState
from ads.services import BudgetService, platform_states
from ads.tests.dashboard.reading import plain
from ads.tests.factories import CampaignFactory
from ads.tests.moments import NOON

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
FIVE_PAST_TWO = NOON + timedelta(hours=2, minutes=5)


@pytest.fixture
def account(brand: Brand) -> PlatformConnection:
    return PlatformConnection.objects.create(
        adapter="meta",
        platform="meta",
        account="act_7",
        credentials="PLATFORM_META",
        own_name="Budgets",
        mode=PlatformMode.ACT,
    )


@pytest.fixture
def connected(account: PlatformConnection, brand: Brand) -> Campaign:
    """A campaign that was found running, as decided."""
    campaign = CampaignFactory.create(
        brand=brand, name="Summer Sale", platform="meta", account="act_7", external_id="1"
    )
    PlatformState.objects.update(observed="RUNNING", observed_at=NOON, drift_since=None)
    return campaign


def spend_out(campaign: Campaign) -> None:
    with freeze_time(FIVE_PAST_TWO):
        BudgetService.record_spend(campaign, Decimal(100))


def page(client: Client, campaign: Campaign, minutes: int) -> str:
    with freeze_time(FIVE_PAST_TWO + minutes * MINUTE):
        return plain(client.get(f"/campaigns/{campaign.pk}/"))


def test_a_campaigns_page_says_what_was_decided_and_what_the_platform_does(
    nina: Client, connected: Campaign
) -> None:
    assert "On the platform, meta act_7 Runs there as decided." in page(nina, connected, 0)
    spend_out(connected)
    told = page(nina, connected, 1)
    assert "We paused it at 14:05; the platform still runs it." in told
    assert "Is to be paused since 14:05; runs when read at 12:00; differs since 14:05." in told


def test_a_campaign_that_is_not_connected_has_no_such_part(nina: Client, campaign: Campaign) -> None:
    assert "On the platform" not in page(nina, campaign, 0)


def test_a_connection_that_is_switched_off_says_nothing(nina: Client, connected: Campaign) -> None:
    PlatformConnection.objects.update(is_active=False)
    spend_out(connected)
    assert "platform" not in page(nina, connected, 10)
    with freeze_time(FIVE_PAST_TWO + 10 * MINUTE):
        assert "on its platform" not in plain(nina.get("/"))


def test_a_connection_that_only_observes_does_not_say_that_it_paused(
    nina: Client, connected: Campaign
) -> None:
    PlatformConnection.objects.update(mode=PlatformMode.OBSERVE)
    spend_out(connected)
    told = page(nina, connected, 1)
    assert "It is paused here since 14:05; the platform still runs it." in told
    assert "the connection only observes" in told


def test_what_keeps_the_platform_from_following_is_said(nina: Client, connected: Campaign) -> None:
    spend_out(connected)
    PlatformConnection.objects.update(failing_since=FIVE_PAST_TWO, last_error="Answered 190: Expired token")
    assert "meta act_7 has not answered since 14:05: Answered 190: Expired token" in page(nina, connected, 1)


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        ("PAUSED", "the platform still has it paused."),
        ("GONE", "the platform has removed it."),
        ("", "the platform has not been read yet."),
    ],
)
def test_what_should_run_and_does_not(nina: Client, connected: Campaign, observed: str, words: str) -> None:
    spend_out(connected)
    PlatformState.objects.update(observed="PAUSED", drift_since=None)
    with freeze_time(FIVE_PAST_TWO + MINUTE):
        BudgetService.reset_budgets(daily=True)
    PlatformState.objects.update(observed=observed, observed_at=NOON if observed else None)
    assert f"We let it run at 14:06; {words}" in page(nina, connected, 2)


def test_the_brands_page_says_it_at_the_campaign(nina: Client, connected: Campaign, brand: Brand) -> None:
    spend_out(connected)
    with freeze_time(FIVE_PAST_TWO + MINUTE):
        told = plain(nina.get(f"/brands/{brand.pk}/"))
    assert "We paused it at 14:05; the platform still runs it." in told


def test_the_overview_puts_it_first_once_it_has_lasted_five_minutes(
    nina: Client, connected: Campaign
) -> None:
    spend_out(connected)
    with freeze_time(FIVE_PAST_TWO + 4 * MINUTE):
        assert "Daily budget reached at 14:05" in plain(nina.get("/"))
    with freeze_time(FIVE_PAST_TWO + 5 * MINUTE):
        response = nina.get("/")
    told = plain(response)
    assert "Summer Sale is not on its platform as decided" in told
    assert "We paused it at 14:05; the platform still runs it." in told
    assert f'href="/campaigns/{connected.pk}/"' in response.content.decode()


def test_the_overview_counts_many_and_names_one(nina: Client, connected: Campaign, brand: Brand) -> None:
    CampaignFactory.create(brand=brand, name="Winter", platform="meta", account="act_7", external_id="2")
    PlatformState.objects.update(observed="RUNNING", observed_at=NOON, drift_since=None)
    spend_out(connected)
    with freeze_time(FIVE_PAST_TWO + 5 * MINUTE):
        told = plain(nina.get("/"))
    assert "2 campaigns are not on their platform as decided" in told
    assert "Summer Sale: we paused it at 14:05; the platform still runs it." in told


def test_a_campaign_that_was_paused_when_it_was_connected(nina: Client, account: PlatformConnection) -> None:
    campaign = CampaignFactory.create(brand=Brand.objects.get(), enabled=False)
    Campaign.objects.filter(pk=campaign.pk).update(platform="meta", account="act_7", external_id="1")
    platform_states.follow_connection(account, NOON)
    told = page(nina, campaign, 0)
    assert "It is paused here since it was connected; the platform has not been read yet." in told

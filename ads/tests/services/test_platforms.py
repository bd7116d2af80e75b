"""Platform actions end to end: what the system decides arrives on a platform, whatever the platform does."""

import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from pydantic import SecretStr
from pytest_django import Settings

from ads.models import (
    Alert,
    AlertKind,
    Brand,
    Campaign,
    PlatformConnection,
    PlatformMode,
    PlatformState,
    StatusChange,
)
from ads.rules.platforms import CLOCKS_DIFFER_BY
from ads.services import (
    BudgetService,
    CampaignService,
    alert_checks,
    alert_words,
    outbound,
    platform_states,
    platform_work,
)
from ads.services.platform_work import READ_AGAIN_AFTER, Worked
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON, state
from ads.tests.platform_stub import OURS, TOKEN, Stub, at_acme, connect, running_stub

pytestmark = pytest.mark.django_db

JANE = "jane@agency"
MINUTE = timedelta(minutes=1)
Clock = FrozenDateTimeFactory


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    with freeze_time(NOON) as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen


@pytest.fixture
def stub(settings: Settings) -> Iterator[Stub]:
    settings.PLATFORM_CREDENTIALS = {"PLATFORM_ACME": SecretStr(TOKEN)}
    with running_stub(c1="running") as stub:
        settings.OUTBOUND_TRUSTED_HOSTS = [stub.url.removeprefix("http://")]
        yield stub


@pytest.fixture
def campaign(brand: Brand) -> Campaign:
    return CampaignFactory.create(brand=brand, name="Summer Sale", **at_acme("c1"))


@pytest.fixture
def account(campaign: Campaign, stub: Stub) -> PlatformConnection:
    """The connected account of the campaign, allowed to act, and read once."""
    account = connect(stub)
    work(account)
    stub.requests.clear()
    return account


def work(account: PlatformConnection) -> Worked:
    return platform_work.work_on(account.pk, timezone.now())


def spend_out(campaign: Campaign) -> None:
    """Reaches the brand's daily budget, which pauses the campaign."""
    BudgetService.record_spend(campaign, Decimal(100))


def start_afresh() -> None:
    BudgetService.reset_budgets(daily=True)


def row(campaign: Campaign) -> PlatformState:
    return PlatformState.objects.get(campaign=campaign)


def found(campaign: Campaign) -> tuple[str, str, bool]:
    """What is wanted, what was found, and whether a difference is shown."""
    stored = row(campaign)
    return stored.desired, stored.observed, stored.drift_since is not None


class TestWhatIsConnected:
    def test_a_campaign_of_the_account_with_an_id_there(self, campaign: Campaign, stub: Stub) -> None:
        CampaignFactory.create(platform="dsp", account="acme")
        CampaignFactory.create(platform="dsp", account="other", external_id="c1")
        CampaignFactory.create(platform="meta", account="acme", external_id="c1")
        connect(stub)
        assert [each.campaign for each in PlatformState.objects.all()] == [campaign]
        assert found(campaign) == ("RUNNING", "", True)

    def test_of_the_brands_that_the_connection_names(self, campaign: Campaign, stub: Stub) -> None:
        account = connect(stub, all_brands=False)
        assert not PlatformState.objects.exists()
        account.brands.add(campaign.brand)
        assert platform_states.follow_connection(account, NOON) == 1
        account.brands.clear()
        assert platform_states.follow_connection(account, NOON) == 0
        assert not PlatformState.objects.exists()

    def test_from_the_moment_its_settings_say_so(self, brand: Brand, stub: Stub) -> None:
        account = connect(stub)
        campaign = CampaignFactory.create(brand=brand, enabled=False, **at_acme("c1"))
        assert found(campaign) == ("PAUSED", "", True)
        work(account)
        assert found(campaign) == ("PAUSED", "PAUSED", False)
        campaign.external_id = "c2"
        campaign.save()
        assert found(campaign) == ("PAUSED", "", True)
        Campaign.objects.filter(pk=campaign.pk).update(account="other")
        assert not PlatformState.objects.exists()

    def test_a_campaign_that_was_never_spent_on_can_still_be_deleted(
        self, account: PlatformConnection, campaign: Campaign
    ) -> None:
        campaign.delete()
        assert not PlatformState.objects.exists()


class TestWhatIsDecidedArrives:
    def test_a_pause_and_its_end(self, account: PlatformConnection, campaign: Campaign, stub: Stub) -> None:
        spend_out(campaign)
        change = StatusChange.objects.get(campaign=campaign)
        wanted = row(campaign)
        assert (wanted.desired, wanted.desired_at, wanted.desired_change) == ("PAUSED", NOON, change)
        assert (wanted.drift_since, wanted.next_try_at) == (NOON, NOON)
        assert work(account) == Worked(read=2, asked=1)
        assert stub.campaigns == {"c1": "paused"}
        assert found(campaign) == ("PAUSED", "PAUSED", False)
        start_afresh()
        assert work(account) == Worked(read=2, asked=1)
        assert stub.campaigns == {"c1": "running"}
        assert found(campaign) == ("RUNNING", "RUNNING", False)
        assert stub.writes == ["POST /campaigns/c1/pause", "POST /campaigns/c1/resume"]

    def test_again_and_again_asks_once(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub
    ) -> None:
        spend_out(campaign)
        for _ in range(10):
            work(account)
        assert stub.writes == ["POST /campaigns/c1/pause"]

    def test_is_read_back_every_five_minutes(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        assert platform_work.due_connections(timezone.now()) == []
        clock.tick(READ_AGAIN_AFTER - MINUTE)
        assert platform_work.due_connections(timezone.now()) == []
        clock.tick(MINUTE)
        assert platform_work.due_connections(timezone.now()) == [account.pk]
        assert work(account) == Worked(read=1)
        assert row(campaign).observed_at == timezone.now()
        assert stub.requests == ["GET /campaigns"]

    def test_a_connection_that_only_observes_shows_and_changes_nothing(
        self, campaign: Campaign, stub: Stub
    ) -> None:
        account = connect(stub, mode=PlatformMode.OBSERVE)
        spend_out(campaign)
        assert work(account) == Worked(read=1, differ=1)
        assert found(campaign) == ("PAUSED", "RUNNING", True)
        start_afresh()
        stub.turn("c1", "paused", JANE)
        assert work(account) == Worked(read=1, differ=1)
        assert found(campaign) == ("RUNNING", "PAUSED", True)
        assert state(campaign)[0] == "ACTIVE"
        assert stub.writes == []
        assert stub.campaigns == {"c1": "paused"}

    def test_a_connection_that_is_switched_off_is_left_alone(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub
    ) -> None:
        PlatformConnection.objects.update(is_active=False)
        spend_out(campaign)
        assert platform_work.due_connections(timezone.now()) == []
        assert work(account) == Worked()
        assert stub.requests == []

    def test_a_pause_stands_though_telling_the_platform_fails(
        self, account: PlatformConnection, campaign: Campaign
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE ads_platformstate RENAME COLUMN version TO gone")
        spend_out(campaign)
        assert state(campaign)[0] == "PAUSED"
        assert StatusChange.objects.filter(campaign=campaign).count() == 1

    def test_what_nobody_told_it_of_is_found_at_the_next_reading(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        PlatformState.objects.update(desired="PAUSED")
        clock.tick(READ_AGAIN_AFTER)
        work(account)
        assert found(campaign) == ("RUNNING", "RUNNING", False)
        assert stub.writes == []

    def test_what_is_wanted_last_wins_over_what_is_under_way(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The budget starts afresh while the platform is being asked to pause."""
        spend_out(campaign)
        sent = outbound.request

        def slow(method: str, url: str, **more: Any) -> Any:
            answer = sent(method, url, **more)
            if url.endswith("/pause"):
                start_afresh()
            return answer

        monkeypatch.setattr(outbound, "request", slow)
        work(account)
        assert stub.campaigns == {"c1": "running"}
        assert found(campaign) == ("RUNNING", "RUNNING", False)
        assert state(campaign)[0] == "ACTIVE"
        assert stub.writes == ["POST /campaigns/c1/pause", "POST /campaigns/c1/resume"]

    def test_what_is_overtaken_before_it_is_sent_is_not_sent(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spend_out(campaign)
        sent, read = outbound.request, iter([True])

        def slow(method: str, url: str, **more: Any) -> Any:
            answer = sent(method, url, **more)
            if next(read, False):
                start_afresh()
            return answer

        monkeypatch.setattr(outbound, "request", slow)
        work(account)
        assert stub.writes == []
        assert found(campaign) == ("RUNNING", "RUNNING", False)


class TestAPauseFoundOnThePlatform:
    def test_where_it_was_confirmed_running_is_a_persons_switch_off(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        clock.tick(READ_AGAIN_AFTER)
        stub.turn("c1", "paused", JANE)
        assert work(account).switched_off == 1
        campaign.refresh_from_db()
        assert not campaign.enabled
        change = StatusChange.objects.get(campaign=campaign)
        assert (change.by, change.to_status, change.reason_codes) == (
            f"dsp: {JANE}",
            "INACTIVE",
            "SWITCHED_OFF",
        )
        assert found(campaign) == ("PAUSED", "PAUSED", False)

    def test_is_so_without_a_change_log_too(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        stub.has_log = False
        clock.tick(READ_AGAIN_AFTER)
        stub.turn("c1", "paused", JANE)
        work(account)
        assert StatusChange.objects.get(campaign=campaign).by == "dsp: somebody"

    def test_automation_never_undoes_it(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        clock.tick(READ_AGAIN_AFTER)
        stub.turn("c1", "paused", JANE)
        work(account)
        spend_out(campaign)
        start_afresh()
        for _ in range(3):
            clock.tick(timedelta(days=1))
            work(account)
        assert stub.writes == []
        assert state(campaign)[0] == "INACTIVE"

    def test_and_a_person_who_switches_it_on_here_runs_it_again(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        clock.tick(READ_AGAIN_AFTER)
        stub.turn("c1", "paused", JANE)
        work(account)
        clock.tick(MINUTE)
        CampaignService.switch_on(campaign, by="ada")
        work(account)
        assert stub.campaigns == {"c1": "running"}
        assert state(campaign)[0] == "ACTIVE"
        assert found(campaign) == ("RUNNING", "RUNNING", False)

    def test_just_before_a_budget_was_reached_is_not_resumed_with_the_new_day(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        stub.has_log = False
        stub.turn("c1", "paused", JANE)
        clock.tick(MINUTE)
        spend_out(campaign)
        work(account)
        start_afresh()
        work(account)
        assert stub.campaigns == {"c1": "paused"}
        assert stub.writes == []
        assert not row(campaign).campaign.enabled

    def test_on_the_first_reading_is_a_persons_where_the_change_log_says_so(
        self, campaign: Campaign, stub: Stub
    ) -> None:
        stub.turn("c1", "paused", JANE, NOON - timedelta(days=3))
        work(connect(stub))
        assert stub.writes == []
        assert StatusChange.objects.get(campaign=campaign).by == f"dsp: {JANE}"

    @pytest.mark.parametrize("has_log", [True, False])
    def test_on_the_first_reading_is_drift_where_nobody_is_named(
        self, campaign: Campaign, stub: Stub, *, has_log: bool
    ) -> None:
        stub.has_log = has_log
        stub.turn("c1", "paused", OURS)
        work(connect(stub))
        assert stub.writes == ["POST /campaigns/c1/resume"]
        assert not StatusChange.objects.exists()
        assert found(campaign) == ("RUNNING", "RUNNING", False)

    def test_that_another_made_before_it_was_last_seen_running_is_over(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        """The change log is late: it still ends with a pause of last week."""
        stub.changes.append(
            {"id": "c1", "status": "paused", "actor": JANE, "at": (NOON - timedelta(days=7)).isoformat()}
        )
        spend_out(campaign)
        work(account)
        del stub.changes[1:]
        start_afresh()
        work(account)
        assert stub.campaigns == {"c1": "running"}
        assert state(campaign)[0] == "ACTIVE"

    def test_is_not_acted_on_while_the_change_log_does_not_answer(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub
    ) -> None:
        spend_out(campaign)
        work(account)
        start_afresh()
        stub.requests.clear()
        stub.broken_log = True
        before = row(campaign).confirmed_running_at, row(campaign).observed_at
        work(account)
        assert stub.requests == ["GET /campaigns", "GET /changes"]
        after = row(campaign)
        assert after.last_error == 'Who paused it could not be read: Answered 500: {"error": "as told"}'
        assert (after.confirmed_running_at, after.observed_at) == before
        assert PlatformConnection.objects.get().failing_since is None

    def test_is_a_persons_though_the_change_log_does_not_answer_where_it_was_confirmed_running(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        stub.broken_log = True
        clock.tick(READ_AGAIN_AFTER)
        stub.turn("c1", "paused", JANE)
        work(account)
        assert StatusChange.objects.get(campaign=campaign).by == "dsp: somebody"

    def test_that_is_unexplained_keeps_no_other_campaign_from_being_paused(
        self, brand: Brand, account: PlatformConnection, campaign: Campaign, stub: Stub
    ) -> None:
        stub.campaigns["c2"] = "running"
        other = CampaignFactory.create(brand=brand, daily_budget=Decimal(1), **at_acme("c2"))
        CampaignService.switch_off(campaign)
        work(account)
        CampaignService.switch_on(campaign)
        BudgetService.record_spend(other, Decimal(1))
        stub.broken_log = True
        work(account)
        assert stub.campaigns == {"c1": "paused", "c2": "paused"}
        assert stub.writes == ["POST /campaigns/c1/pause", "POST /campaigns/c2/pause"]

    def test_a_switch_on_here_while_the_platform_is_read_is_not_undone(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        clock.tick(READ_AGAIN_AFTER)
        stub.turn("c1", "paused", JANE)
        work(account)
        stub.turn("c1", "running", JANE)
        PlatformState.objects.update(confirmed_running_at=timezone.now(), next_try_at=timezone.now())
        stub.turn("c1", "paused", JANE, timezone.now() - MINUTE)
        sent = outbound.request

        def slow(method: str, url: str, **more: Any) -> Any:
            answer = sent(method, url, **more)
            monkeypatch.setattr(outbound, "request", sent)
            CampaignService.switch_on(campaign, by="ada")
            return answer

        monkeypatch.setattr(outbound, "request", slow)
        work(account)
        assert state(campaign)[0] == "ACTIVE"
        assert stub.campaigns == {"c1": "running"}


class TestDrift:
    def test_running_while_a_pause_is_wanted_is_paused_again(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        spend_out(campaign)
        work(account)
        clock.tick(READ_AGAIN_AFTER)
        stub.turn("c1", "running", JANE)
        assert work(account) == Worked(read=2, asked=1)
        assert stub.campaigns == {"c1": "paused"}
        assert state(campaign)[0] == "PAUSED"
        assert row(campaign).campaign.enabled

    def test_that_stays_is_kept_with_its_beginning_and_tried_ever_more_slowly(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        stub.ignores_writes = True
        spend_out(campaign)
        waits = []
        for _ in range(9):
            clock.move_to(row(campaign).next_try_at)
            assert work(account) == Worked(read=2, asked=1, differ=1)
            waits.append(row(campaign).next_try_at - timezone.now())
        assert row(campaign).drift_since == NOON
        for wait, longest in zip(waits, (5, 10, 20, 40, 80, 160, 300, 300, 300), strict=True):
            assert timedelta(seconds=longest * 4 / 5) <= wait <= timedelta(seconds=longest)
        stub.ignores_writes = False
        clock.move_to(row(campaign).next_try_at)
        assert work(account) == Worked(read=2, asked=1)
        assert found(campaign) == ("PAUSED", "PAUSED", False)
        assert row(campaign).attempts == 0

    def test_a_campaign_that_is_gone_is_not_asked_to_run(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        spend_out(campaign)
        work(account)
        stub.requests.clear()
        stub.campaigns["c1"] = "gone"
        start_afresh()
        work(account)
        assert stub.writes == []
        assert found(campaign) == ("RUNNING", "GONE", True)
        assert row(campaign).last_error == "It was removed on the platform and cannot run"
        assert row(campaign).next_try_at == timezone.now() + READ_AGAIN_AFTER

    def test_an_id_that_the_platform_does_not_know_is_told(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        del stub.campaigns["c1"]
        spend_out(campaign)
        work(account)
        assert row(campaign).last_error == "The platform knows no campaign with the id c1"
        assert row(campaign).drift_since == NOON
        assert stub.writes == []
        assert PlatformConnection.objects.get().failing_since is None


class TestAPlatformThatFails:
    @pytest.mark.parametrize("code", [401, 403, 429, 500, 502, 503])
    def test_is_left_alone_for_a_while_and_then_asked_again(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock, code: int
    ) -> None:
        spend_out(campaign)
        stub.codes = [code]
        assert work(account) == Worked()
        account.refresh_from_db()
        assert account.failing_since == NOON
        assert account.last_error == f'Answered {code}: {{"error": "as told"}}'
        assert account.held_until is None
        assert platform_work.due_connections(timezone.now()) == []
        clock.tick(timedelta(seconds=5))
        assert platform_work.due_connections(timezone.now()) == [account.pk]
        assert work(account) == Worked(read=2, asked=1)
        answered = PlatformConnection.objects.get()
        assert (answered.failing_since, answered.last_error, answered.attempts) == (None, "", 0)
        assert stub.campaigns == {"c1": "paused"}

    def test_is_asked_again_when_it_says(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        spend_out(campaign)
        stub.codes, stub.headers = [429], {"Retry-After": "1200"}
        work(account)
        clock.tick(timedelta(seconds=1199))
        assert platform_work.due_connections(timezone.now()) == []
        clock.tick(timedelta(seconds=1))
        assert platform_work.due_connections(timezone.now()) == [account.pk]

    def test_is_never_left_alone_for_more_than_an_hour(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub
    ) -> None:
        spend_out(campaign)
        stub.codes, stub.headers = [429], {"Retry-After": "999999"}
        work(account)
        assert PlatformConnection.objects.get().next_try_at == NOON + timedelta(hours=1)

    def test_is_probed_with_one_campaign(
        self, brand: Brand, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        for number in range(2, 6):
            stub.campaigns[f"c{number}"] = "running"
            CampaignFactory.create(brand=brand, **at_acme(f"c{number}"))
        spend_out(campaign)
        stub.codes = [500]
        work(account)
        clock.tick(timedelta(seconds=5))
        stub.codes = [500]
        work(account)
        assert stub.reads[1:] == [5, 1]
        clock.tick(timedelta(seconds=10))
        assert work(account).asked == 5
        assert stub.reads[3:5] == [1, 1]  # the probe, and its read-back
        assert set(stub.campaigns.values()) == {"paused"}

    def test_at_one_campaign_has_the_others_paused_all_the_same(
        self, brand: Brand, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        for number in range(2, 5):
            stub.campaigns[f"c{number}"] = "running"
            CampaignFactory.create(brand=brand, **at_acme(f"c{number}"))
        work(account)
        stub.fails_at = "c1"
        spend_out(campaign)
        for _ in range(3):
            work(account)
            clock.tick(timedelta(seconds=5))
        assert stub.campaigns == {"c1": "running", "c2": "paused", "c3": "paused", "c4": "paused"}
        assert row(campaign).last_error == 'Answered 500: {"error": "always"}'

    def test_that_is_only_to_be_observed_from_now_on_is_asked_for_nothing_more(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spend_out(campaign)
        sent = outbound.request

        def slow(method: str, url: str, **more: Any) -> Any:
            PlatformConnection.objects.update(mode=PlatformMode.OBSERVE)
            return sent(method, url, **more)

        monkeypatch.setattr(outbound, "request", slow)
        work(account)
        assert stub.requests == ["GET /campaigns"]

    def test_that_did_it_and_lost_the_answer_is_found_to_have_done_it(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        spend_out(campaign)
        stub.lose_answers = 1
        assert work(account) == Worked(read=2, asked=1)
        assert found(campaign) == ("PAUSED", "PAUSED", False)
        assert row(campaign).last_error == ""
        assert row(campaign).next_try_at == timezone.now() + READ_AGAIN_AFTER
        assert PlatformConnection.objects.get().failing_since is None
        assert row(campaign).campaign.enabled
        assert stub.writes == ["POST /campaigns/c1/pause"]
        start_afresh()
        work(account)
        assert stub.campaigns == {"c1": "running"}
        assert state(campaign)[0] == "ACTIVE"

    def test_that_loses_a_fifth_of_its_answers_soon_does_all_that_was_decided(
        self, brand: Brand, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        for number in range(2, 61):
            stub.campaigns[f"c{number}"] = "running"
            CampaignFactory.create(brand=brand, **at_acme(f"c{number}"))
        dice = random.Random(7)
        stub.loses_answer = lambda: dice.random() < 0.2
        spend_out(campaign)
        for _ in range(12):  # a minute
            work(account)
            clock.tick(timedelta(seconds=5))
        assert set(stub.campaigns.values()) == {"paused"}
        assert not PlatformState.objects.exclude(drift_since=None).exists()
        assert len(stub.writes) == 60
        assert PlatformState.objects.filter(campaign__enabled=True).count() == 60

    def test_that_breaks_off_each_connection_is_failing(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub
    ) -> None:
        stub.loses_answer = lambda: True
        spend_out(campaign)
        assert work(account) == Worked()
        assert stub.requests == ["GET /campaigns"] * 3
        assert PlatformConnection.objects.get().failing_since == NOON

    def test_that_hangs_is_given_up_on(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from threading import Event

        monkeypatch.setattr(outbound, "TOTAL_SECONDS", 1)
        stub.hangs = Event()
        spend_out(campaign)
        assert work(account) == Worked()
        assert PlatformConnection.objects.get().last_error.startswith("No answer within 1 second")

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            ("stopped", "The answer is not as documented: “stopped” is no status"),
            (7, "The answer is not as documented: campaigns.0.status Input should be a valid string"),
        ],
    )
    def test_that_speaks_other_shapes_is_not_believed(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, answer: Any, error: str
    ) -> None:
        spend_out(campaign)
        stub.campaigns["c1"] = answer
        work(account)
        assert PlatformConnection.objects.get().last_error == error
        assert stub.writes == []

    def test_without_its_secret_is_not_asked(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, settings: Settings
    ) -> None:
        settings.PLATFORM_CREDENTIALS = {}
        spend_out(campaign)
        work(account)
        assert PlatformConnection.objects.get().last_error == "PLATFORM_ACME is not set in the environment"
        assert stub.requests == []

    def test_inside_the_network_is_refused_unless_it_is_trusted(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, settings: Settings
    ) -> None:
        settings.OUTBOUND_TRUSTED_HOSTS = []
        spend_out(campaign)
        work(account)
        assert "127.0.0.1" in PlatformConnection.objects.get().last_error
        assert stub.requests == []


class TestWorkers:
    def test_one_at_a_time_holds_an_account(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        spend_out(campaign)
        PlatformConnection.objects.update(held_until=timezone.now() + timedelta(seconds=30))
        assert platform_work.due_connections(timezone.now()) == []
        assert work(account) == Worked()
        assert stub.requests == []
        clock.tick(timedelta(seconds=30))
        assert work(account) == Worked(read=2, asked=1)

    def test_one_that_was_killed_after_asking_leaves_no_doubt_who_paused(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        class Killed(BaseException):
            pass

        spend_out(campaign)
        sent = outbound.request

        def kill(method: str, url: str, **more: Any) -> Any:
            answer = sent(method, url, **more)
            if method == "POST":
                raise Killed
            return answer

        monkeypatch.setattr(outbound, "request", kill)
        with pytest.raises(Killed):
            work(account)
        monkeypatch.setattr(outbound, "request", sent)
        assert stub.campaigns == {"c1": "paused"}
        assert PlatformConnection.objects.get().held_until is not None
        start_afresh()
        clock.tick(timedelta(seconds=31))
        work(account)
        assert stub.campaigns == {"c1": "running"}
        assert state(campaign)[0] == "ACTIVE"

    @pytest.mark.parametrize("has_to_ask", [True, False])
    def test_one_that_lost_its_hold_writes_nothing_more(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock,
        monkeypatch: pytest.MonkeyPatch, *, has_to_ask: bool,
    ) -> None:  # fmt: skip
        clock.tick(READ_AGAIN_AFTER)
        if has_to_ask:
            spend_out(campaign)
        sent = outbound.request

        def slow(method: str, url: str, **more: Any) -> Any:
            answer = sent(method, url, **more)
            PlatformConnection.objects.update(held_until=timezone.now() + timedelta(hours=1))
            return answer

        monkeypatch.setattr(outbound, "request", slow)
        before = row(campaign)
        assert work(account) == Worked(read=1)
        after = row(campaign)
        assert stub.writes == []
        assert (after.observed_at, after.next_try_at) == (before.observed_at, before.next_try_at)

    def test_no_request_leaves_inside_a_transaction(
        self, transactional_db: None, clock: Clock, settings: Settings, stub: Stub,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        campaign = CampaignFactory.create(daily_budget=Decimal(5), **at_acme("c1"))
        account = connect(stub)
        BudgetService.record_spend(campaign, Decimal(5))
        sent, inside = outbound.request, []

        def watched(method: str, url: str, **more: Any) -> Any:
            inside.append(connection.in_atomic_block)
            return sent(method, url, **more)

        monkeypatch.setattr(outbound, "request", watched)
        work(account)
        assert inside == [False, False, False]
        assert stub.campaigns == {"c1": "paused"}


class TestQueries:
    def test_a_pause_asks_once_more_where_nothing_is_connected(self, campaign: Campaign) -> None:
        with CaptureQueriesContext(connection) as queries:
            spend_out(campaign)
        about = [query["sql"] for query in queries if "platformstate" in query["sql"]]
        assert [sql.split()[0] for sql in about] == ["SELECT"]

    def test_of_following_do_not_grow_with_campaigns(self, stub: Stub) -> None:
        self.cost_of_following(stub, 1)  # plans what a session plans once
        assert self.cost_of_following(stub, 2) == self.cost_of_following(stub, 20)

    def cost_of_following(self, stub: Stub, campaigns: int) -> int:
        with transaction.atomic():
            brand = BrandFactory.create()
            made = [CampaignFactory.create(brand=brand, **at_acme(f"c{n}")) for n in range(campaigns)]
            connect(stub)
            with CaptureQueriesContext(connection) as queries:
                spend_out(made[0])
            assert PlatformState.objects.filter(desired="PAUSED", version=2).count() == campaigns
            transaction.set_rollback(True)
        return len(queries)

    def test_of_reading_back_do_not_grow_with_campaigns(self, stub: Stub, clock: Clock) -> None:
        assert self.cost_of_reading(stub, 2) == self.cost_of_reading(stub, 40)

    def cost_of_reading(self, stub: Stub, campaigns: int) -> int:
        with transaction.atomic():
            brand = BrandFactory.create()
            for n in range(campaigns):
                stub.campaigns[f"c{n}"] = "running"
                CampaignFactory.create(brand=brand, **at_acme(f"c{n}"))
            account = connect(stub)
            with CaptureQueriesContext(connection) as queries:
                assert work(account) == Worked(read=campaigns)
            transaction.set_rollback(True)
        return len(queries)


def test_clocks_that_differ_a_little_do_not_hide_a_person(
    account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
) -> None:
    """The platform's clock is a minute behind; the system asked for a pause after the person did."""
    spend_out(campaign)
    stub.turn("c1", "paused", JANE, NOON - CLOCKS_DIFFER_BY / 2)
    PlatformState.objects.update(confirmed_running_at=None)
    start_afresh()
    work(account)
    assert stub.writes == []
    assert StatusChange.objects.filter(campaign=campaign).latest("pk").by == f"dsp: {JANE}"


class TestAlerts:
    """A difference that lasts five minutes is an alert, which ends with it."""

    def raised(self) -> list[tuple[str, bool]]:
        alerts = Alert.objects.filter(kind=AlertKind.PLATFORM_DRIFT).select_related("brand", "campaign")
        return [(alert_words.title(each), each.ended_at is not None) for each in alerts.order_by("pk")]

    def test_of_a_campaign_that_does_not_follow(
        self, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        stub.ignores_writes = True
        spend_out(campaign)
        work(account)
        clock.tick(5 * MINUTE - timedelta(seconds=1))
        alert_checks.check(timezone.now())
        assert self.raised() == []
        clock.tick(timedelta(seconds=1))
        for _ in range(3):
            work(account)
            alert_checks.check(timezone.now())
        title = "Summer Sale (Acme): runs on its platform although it is paused"
        assert self.raised() == [(title, False)]
        stub.ignores_writes = False
        clock.tick(5 * MINUTE)
        work(account)
        alert_checks.check(timezone.now())
        assert self.raised() == [(title, True)]

    def test_of_a_campaign_that_the_platform_does_not_know(
        self, account: PlatformConnection, brand: Brand, clock: Clock
    ) -> None:
        CampaignFactory.create(brand=brand, name="Winter Sale", **at_acme("c9"))
        clock.tick(5 * MINUTE)
        work(account)
        alert_checks.check(timezone.now())
        assert self.raised() == [("Winter Sale (Acme): cannot be read on its platform", False)]

    def test_of_an_account_that_does_not_answer_is_one_for_each_brand(
        self, brand: Brand, account: PlatformConnection, campaign: Campaign, stub: Stub, clock: Clock
    ) -> None:
        CampaignFactory.create(brand=brand, **at_acme("c2"))
        spend_out(campaign)
        stub.codes = [500]
        work(account)
        clock.tick(5 * MINUTE)
        alert_checks.check(timezone.now())
        alert_checks.check(timezone.now())
        assert self.raised() == [("Acme: dsp acme does not answer; decided, not done: 2 campaigns", False)]

    def test_of_a_connection_that_is_switched_off_there_is_none(
        self, account: PlatformConnection, campaign: Campaign, clock: Clock
    ) -> None:
        PlatformConnection.objects.update(is_active=False)
        spend_out(campaign)
        clock.tick(5 * MINUTE)
        alert_checks.check(timezone.now())
        assert self.raised() == []

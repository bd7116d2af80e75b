"""Platform actions in earnest: real workers that are killed, a platform that loses answers, budgets that come and go.

`PLATFORM_DRILL_KILLS` is how many workers are killed, 2 if it is not given.
"""

import os
import random
import signal
import time
from collections.abc import Iterator

import pytest
from django.utils import timezone
from pytest_django import Settings

from ads.models import Campaign, PlatformConnection, PlatformState, StatusChange
from ads.rules.serving import Status
from ads.services import CampaignService
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.platform_stub import JANE, OURS, TOKEN, Stub, at_acme, connect, running_stub
from budget_system.testing.fixtures import CeleryProcesses

KILLS = int(os.environ.get("PLATFORM_DRILL_KILLS", "2"))
CAMPAIGNS = 12
DROPPED = 0.2
SECONDS = 120

pytestmark = [pytest.mark.integration, pytest.mark.once, pytest.mark.slow]


@pytest.fixture
def stub(settings: Settings) -> Iterator[Stub]:
    with running_stub(**{f"c{number}": "running" for number in range(CAMPAIGNS)}) as stub:
        settings.OUTBOUND_TRUSTED_HOSTS = [stub.url.removeprefix("http://")]
        yield stub


def is_as_wanted(stub: Stub) -> bool:
    """Whether the platform does what was decided, and the system knows it."""
    wanted = {
        campaign.external_id: "running" if campaign.status == Status.ACTIVE else "paused"
        for campaign in Campaign.objects.all()
    }
    return stub.campaigns == wanted and not PlatformState.objects.filter(drift_since__isnull=False).exists()


def time_passes() -> None:
    """All that waits for a while is due; what a killed worker held is free."""
    now = timezone.now()
    PlatformConnection.objects.update(next_try_at=None)
    PlatformConnection.objects.filter(held_until__lt=now).update(held_until=None)
    PlatformState.objects.filter(drift_since__isnull=False).update(next_try_at=now)


def test_whatever_is_killed_and_lost_the_platform_does_what_was_decided_and_nobody_is_blamed(
    celery_processes: CeleryProcesses, stub: Stub
) -> None:
    brand = BrandFactory.create(daily_budget=None, monthly_budget=None)
    campaigns = [CampaignFactory.create(brand=brand, **at_acme(f"c{n}")) for n in range(CAMPAIGNS)]
    persons = campaigns.pop()
    connect(stub)
    env = {"PLATFORM_ACME": TOKEN, "OUTBOUND_TRUSTED_HOSTS": stub.url.removeprefix("http://")}
    chance = random.Random(5)

    def settle(worker: str) -> None:
        celery_processes.start_worker(worker, **env)
        end = time.monotonic() + SECONDS
        while not is_as_wanted(stub):
            assert time.monotonic() < end, (stub.campaigns, list(PlatformState.objects.values()))
            time_passes()
            celery_processes.send("ads.tasks.work_on_platforms")
            time.sleep(0.5)

    settle("first")
    stub.turn(persons.external_id, "paused", JANE)
    PlatformState.objects.filter(campaign=persons).update(next_try_at=timezone.now())
    celery_processes.send("ads.tasks.work_on_platforms")
    stub.loses_answer = lambda: chance.random() < DROPPED
    for kill in range(KILLS):
        worker = celery_processes.start_worker(f"worker{kill}", **env)
        for campaign in campaigns:
            switch = chance.choice([CampaignService.switch_on, CampaignService.switch_off])
            switch(campaign, by="ada")
        before, end = len(stub.requests), time.monotonic() + SECONDS
        while len(stub.requests) < before + 4 + 3 * kill and not is_as_wanted(stub):
            assert time.monotonic() < end
            time_passes()
            celery_processes.send("ads.tasks.work_on_platforms")
            time.sleep(0.1)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        PlatformConnection.objects.update(held_until=None)  # the time that it was held for passes
    settle("last")

    by = set(StatusChange.objects.values_list("campaign_id", "by"))
    assert (persons.pk, f"dsp: {JANE}") in by
    assert {each for each in by if each[1].startswith("dsp: ")} == {(persons.pk, f"dsp: {JANE}")}
    assert {change["actor"] for change in stub.changes} == {OURS, JANE}
    assert stub.campaigns[persons.external_id] == "paused"

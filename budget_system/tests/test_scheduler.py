"""Beat's scheduler, when the machine's clock is put right under it."""

from datetime import timedelta
from typing import Any

import pytest
from django_celery_beat import schedulers
from django_celery_beat.models import PeriodicTask
from freezegun import freeze_time

from ads.tests.moments import NOON
from budget_system import scheduler
from budget_system.celery import app
from budget_system.scheduler import Scheduler

NAMES = {"Enforce what is due", "Show that work is done"}


@pytest.fixture(autouse=True)
def _within_the_tests_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beat closes connections that have become old, which would end it."""
    for module in (scheduler, schedulers):
        monkeypatch.setattr(module, "close_old_connections", lambda: None)


pytestmark = [pytest.mark.django_db, pytest.mark.once]


class Recorder(Scheduler):
    """Notes what it would send of these."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        super().__init__(app=app)
        self._finalize.cancel()

    def apply_entry(self, entry: Any, producer: object = None) -> None:
        if entry.name in NAMES:
            self.sent.append(entry.name)


def sent_in_a_minute(beat: Recorder, clock: Any) -> list[str]:
    beat.sent.clear()
    for _ in range(60):
        clock.tick(1)
        while beat.tick() == 0:
            pass
    return sorted(beat.sent)


@pytest.mark.parametrize("back", [timedelta(seconds=3), timedelta(minutes=10), timedelta(days=1)])
def test_entries_run_as_often_as_ever_when_the_clock_is_put_back(back: timedelta) -> None:
    PeriodicTask.objects.exclude(name__in=NAMES).update(enabled=False)
    with freeze_time(NOON) as clock:
        beat = Recorder()
        thrice_each = sorted([*NAMES] * 3)
        assert sent_in_a_minute(beat, clock) == thrice_each
        clock.tick(-back)
        assert sent_in_a_minute(beat, clock)[2:] == thrice_each[2:]
        assert sent_in_a_minute(beat, clock) == thrice_each


def test_a_beat_that_starts_where_the_last_ran_by_a_clock_ahead_sends_at_once() -> None:
    PeriodicTask.objects.exclude(name__in=NAMES).update(enabled=False)
    PeriodicTask.objects.filter(name__in=NAMES).update(last_run_at=NOON + timedelta(days=1))
    with freeze_time(NOON) as clock:
        assert set(sent_in_a_minute(Recorder(), clock)) == NAMES

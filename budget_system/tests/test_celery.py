"""How Celery is set: nothing is lost when a worker dies, and the schedule is a person's to change."""

import pytest
from django.conf import settings

from budget_system.celery import app

pytestmark = pytest.mark.unit


def test_a_task_is_acknowledged_only_when_it_has_finished() -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1


def test_a_task_ends_before_its_message_is_given_to_another_worker() -> None:
    options = app.conf.broker_transport_options
    assert app.conf.task_time_limit == 60
    assert options["visibility_timeout"] == 300
    assert options["unacked_restore_interval"] == options["unacked_restore_throttle"] == 1


def test_messages_are_json_and_results_are_ignored() -> None:
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == app.conf.result_serializer == "json"
    assert app.conf.task_ignore_result


def test_the_schedule_lives_in_the_database_only_and_in_utc() -> None:
    assert str(app.conf.timezone) == "UTC"
    assert not app.conf.beat_schedule
    assert not hasattr(settings, "CELERY_BEAT_SCHEDULE")


def test_each_kind_of_work_has_a_queue_of_its_own() -> None:
    """A worker that is told of no queue serves all of these."""
    app.autodiscover_tasks(force=True)
    queues = {queue.name: queue.routing_key for queue in app.conf.task_queues}
    assert queues == {name: name for name in ("celery", "ingest", "enforcement", "effects")}
    routed = {
        name.rpartition(".")[2]: app.amqp.router.route({}, name)["queue"].name
        for name in app.tasks
        if name.startswith("ads.")
    }
    assert routed == {
        "work_on_import": "ingest",
        "go_on_with_imports": "ingest",
        "enforce_dayparting": "enforcement",
        "enforce_budgets": "enforcement",
        "reset_daily_monthly_spends": "enforcement",
        "check_and_update_campaign_status": "enforcement",
        "deliver_effects": "effects",
        "work_on_platforms": "effects",
        "work_on_platform": "effects",
        "look_after_deliveries": "effects",
        "check_alerts": "celery",
        "count_history": "celery",
        "heartbeat": "celery",
        "verify_ledger": "celery",
        "forget_answered_requests": "celery",
        "forget_expired": "celery",
    }

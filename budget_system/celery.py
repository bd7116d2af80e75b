"""The Celery application; its settings are the ones in budget_system.settings that begin with CELERY_."""

import os

from celery import Celery
from celery.signals import worker_process_init
from django_structlog.celery.steps import DjangoStructLogInitStep

from budget_system.garbage import collect_seldom

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "budget_system.settings")

app = Celery("budget_system")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Lines that a task logs carry its id, and that of the request that sent it.
app.steps["worker"].add(DjangoStructLogInitStep)


@worker_process_init.connect
def _begin(**_: object) -> None:
    collect_seldom()

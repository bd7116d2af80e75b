"""The Django project: settings, Celery application, URLs and what starts and tests them."""

from budget_system.celery import app as celery_app

__all__ = ["celery_app"]

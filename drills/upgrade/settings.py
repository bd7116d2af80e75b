"""The project's settings, with the next version's migration."""

from budget_system.settings import *  # noqa: F403
from budget_system.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "drills.upgrade"]

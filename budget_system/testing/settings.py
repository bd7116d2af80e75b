"""The settings of tests and checks in this process: the project's, but for what only costs time there."""

import os

os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 50)

from budget_system.settings import *  # noqa: F403

# Not in the environment, which Celery prefers to what a client of a test's own broker is told.
CELERY_BROKER_URL = "memory://"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

"""Django's settings. What a person gives is read and checked in budget_system/environment.py."""

import logging
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from kombu import Exchange, Queue

from budget_system import logs
from budget_system.database_url import DatabaseAddress
from budget_system.environment import BASE_DIR, read_environment, read_platform_credentials
from budget_system.sentry import report_errors_to

django_stubs_ext.monkeypatch()

try:
    environment = read_environment()
    environment.check_secure()
    SECRET_KEY = environment.secret_key_or_debug_key()
    database_address = environment.database_address() or DatabaseAddress("sqlite", "db.sqlite3")
    replica_address = environment.replica_address()
    email_server = environment.email_server()
except ValueError as error:
    raise ImproperlyConfigured(str(error)) from None

DEBUG = environment.debug
ALLOWED_HOSTS = environment.allowed_hosts

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "simple_history",
    "csp",
    "django_htmx",
    "django_structlog",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "ninja",  # the files of the page that shows the API
    "ads.apps.AdsConfig",
]

MIDDLEWARE = [
    "ads.probes.ProbeMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "budget_system.request_ids.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "budget_system.csp.PolicyMiddleware",
    "ads.api.problems.ProblemMiddleware",
    "ads.outage.OutageMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "ads.actor.ActorMiddleware",
    "ads.two_factor.TwoFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",  # last of those that may change an answer
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "budget_system.urls"
WSGI_APPLICATION = "budget_system.wsgi.application"
TEST_RUNNER = "budget_system.testing.runner.PytestRunner"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


# For so long is waited for a connection to PostgreSQL, and for a server that has one and acknowledges nothing.
CONNECT_SECONDS = 3
SILENT_SECONDS = 10


def database(address: DatabaseAddress, pool_size: int, *, is_behind_pooler: bool = False) -> dict[str, Any]:
    """Django's settings of the database at an address; a pool of 0 connections is no pool.

    A pooler in transaction mode gives each transaction another session: a cursor kept beyond one would be gone, and
    so would a plan (ads/services/given.py).
    """
    if address.engine == "sqlite":
        path = BASE_DIR / address.name  # an absolute name stays as it is
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": path,
            "OPTIONS": {
                # A transaction that reads before it writes would otherwise fail under other writers.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # Without recursive triggers INSERT OR REPLACE goes round the guards of the ledger.
                "init_command": (
                    "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA recursive_triggers=ON"
                ),
            },
            # A file, because threads cannot share a database in memory.
            "TEST": {"NAME": path.with_name(f"test_{path.name}")},
        }
    waits: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "tcp_user_timeout": SILENT_SECONDS * 1000}
    # An attempt that is given up soon is begun anew by who asks next, and not after longer and longer pauses.
    pool = {"min_size": 1, "max_size": pool_size, "timeout": CONNECT_SECONDS, "reconnect_timeout": 2}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": address.name,
        "USER": address.user,
        "PASSWORD": address.password,
        "HOST": address.host,
        "PORT": address.port,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": is_behind_pooler,
        "OPTIONS": waits | address.options | ({"pool": pool} if pool_size and not is_behind_pooler else {}),
    }


def cache(url: str) -> dict[str, Any]:
    """Django's settings of the cache at a Redis's address; without one each process has its own."""
    if not url:
        return {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        }
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": url,
        "KEY_PREFIX": "budgets",
        # Nothing in it is worth waiting for.
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    }


DATABASES = {
    "default": database(
        database_address, environment.db_pool_size, is_behind_pooler=environment.db_transaction_pooler
    )
}
# Reports alone are read there: ads/services/replica.py.
if replica_address:
    DATABASES["replica"] = database(
        replica_address, environment.db_pool_size, is_behind_pooler=environment.db_transaction_pooler
    )
DATABASE_ROUTERS = ["budget_system.replica.Router"]

# For so long a request waits for what somebody else has locked, such as a brand, and then says so; tasks and commands
# wait on. Writers hold a brand for less than a second; programs that send spend often give up after ten.
LOCK_WAIT_SECONDS = 8

CACHES = {"default": cache(environment.cache_address())}

# The API. A token may make so many requests a minute (0: any number); a body may be so large.
API_REQUESTS_PER_MINUTE = environment.api_requests_per_minute
API_MAX_BODY_BYTES = environment.api_max_body_bytes

# Hosts inside the network that webhooks and other effects may go to all the same: host, or host:port.
OUTBOUND_TRUSTED_HOSTS = environment.outbound_trusted_hosts

# Messages. Links in them begin with the site's address; without a server mail is printed, and reaches nobody.
SITE_URL = environment.site_url
ALERT_SETTLE_SECONDS = environment.alert_settle_seconds
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if email_server.host else 'console'}.EmailBackend"
EMAIL_HOST = email_server.host
EMAIL_PORT = email_server.port
EMAIL_HOST_USER = email_server.user
EMAIL_HOST_PASSWORD = email_server.password
EMAIL_USE_TLS = email_server.starttls
EMAIL_USE_SSL = email_server.tls
EMAIL_TIMEOUT = 7  # seconds; a delivery is held for little longer than twice that
DEFAULT_FROM_EMAIL = SERVER_EMAIL = environment.email_from

# Secrets of the platforms where ads run, by the name of their variable.
PLATFORM_CREDENTIALS = read_platform_credentials()

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # lets nobody be asked for who is locked out
    "django.contrib.auth.backends.ModelBackend",
]

# Lock-out: failures are counted in the database, so that a Redis that is emptied lets nobody try again.
AXES_HANDLER = "ads.services.lock_out.SignInHandler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # or whoever tries on would never get in
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "budget_system.addresses.client_address"
AXES_LOCKOUT_CALLABLE = "ads.dashboard.signing_in.locked_out"
AXES_ENABLE_ADMIN = False  # ads/admin/failed_sign_ins.py
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code"]  # of what is kept and logged

# Two-factor: who must have it, and what the app on their phone calls this site.
REQUIRE_TWO_FACTOR = environment.require_two_factor
OTP_TOTP_ISSUER = f"Budgets {urlsplit(environment.site_url).hostname}"

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = environment.time_zone

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / environment.static_root
# Uploaded files of spend. Web and worker share the folder; no address leads there.
MEDIA_ROOT = BASE_DIR / environment.media_root
IMPORT_MAX_BYTES = environment.import_max_bytes
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG  # hashed names need a collectstatic first
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}

# Over plain HTTP, as in the trial on loopback, a browser would never send a secure cookie back.
SECURE = environment.secure and not DEBUG
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]  # asked for inside the network, without TLS
SECURE_HSTS_SECONDS = environment.hsts_seconds if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
BEHIND_PROXY = environment.behind_proxy
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

LOGIN_URL = "dashboard:sign-in"
LOGIN_REDIRECT_URL = "dashboard:overview"
LOGOUT_REDIRECT_URL = "dashboard:sign-in"

# Widened for the admin and the page that shows the API in budget_system/csp.py.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    }
}

# Celery. A task is acknowledged when it has finished, so that a killed worker loses none: all are idempotent.
CELERY_BROKER_URL = environment.celery_broker_url
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_RESULT_BACKEND = environment.celery_result_backend or None
CELERY_TASK_IGNORE_RESULT = True
# The safety net is cast in so many parts, each by whichever worker is free.
SWEEP_PARTS = environment.sweep_parts
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# One that takes its process with it, each time, is let go after five tries; without this it would go on for ever.
CELERY_TASK_RETRY_ON_WORKER_LOST = True
CELERY_TASK_ANNOTATIONS = {"*": {"max_retries": 4, "default_retry_delay": 5}}
CELERY_TASK_TIME_LIMIT = (
    60  # seconds; below the visibility time-out, or a long task would run again and again
)
# Each kind of work waits in a queue of its own; a worker that is told of none serves all of them.
CELERY_TASK_QUEUES = [
    Queue(name, Exchange(name), routing_key=name) for name in ("celery", "ingest", "enforcement", "effects")
]
CELERY_TASK_ROUTES = {
    "ads.tasks.work_on_import": {"queue": "ingest"},
    "ads.tasks.go_on_with_imports": {"queue": "ingest"},
    "ads.tasks.enforce_dayparting": {"queue": "enforcement"},
    "ads.tasks.enforce_budgets": {"queue": "enforcement"},
    "ads.tasks.reset_daily_monthly_spends": {"queue": "enforcement"},
    "ads.tasks.check_and_update_campaign_status": {"queue": "enforcement"},
    "ads.tasks.deliver_effects": {"queue": "effects"},
    "ads.tasks.look_after_deliveries": {"queue": "effects"},
    "ads.tasks.work_on_platforms": {"queue": "effects"},
    "ads.tasks.work_on_platform": {"queue": "effects"},
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
if environment.celery_broker_url.startswith(("redis", "valkey", "unix")):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 300,  # seconds until what a killed worker held goes to another
        "unacked_restore_interval": 1,  # seconds between looks for it, instead of up to 100
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 2,
    }
# The schedule lives in the database, in UTC and in intervals; one kept here would overwrite people's changes.
CELERY_BEAT_SCHEDULER = "budget_system.scheduler:Scheduler"
CELERY_TIMEZONE = "UTC"

# Seeing: the log, who may read /metrics, and where errors are reported.
LOG_FORMAT = environment.log_format
_passwords = [address.password for address in (database_address, replica_address) if address]
LOGGING = logs.configuration(LOG_FORMAT, secrets=[SECRET_KEY, *_passwords, *environment.secrets()])
# A line for each request when it is answered. Celery itself tells of tasks; ids are added to every line.
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = logging.INFO
DJANGO_STRUCTLOG_USER_ID_FIELD = ""  # asking would cost requests without a session a query
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # personal, and behind a proxy whatever the client says

METRICS_TOKEN = environment.metrics_token.get_secret_value()
METRICS_NETWORKS = environment.metrics_networks

SENTRY_DSN = environment.sentry_dsn.get_secret_value()
report_errors_to(SENTRY_DSN)

UNFOLD = {
    "SITE_TITLE": "Budget management",
    "SITE_HEADER": "Budget management",
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("dashboard/icon.svg")}
    ],
    "SCRIPTS": [lambda _: static("ads/access.js")],
    "STYLES": [lambda _: static("ads/admin.css")],
    "SIDEBAR": {"navigation": "ads.admin.navigation.navigation"},
    "COLORS": {
        "base": {
            "50": "#f5f6f8",
            "100": "#eceef2",
            "200": "#dde1e7",
            "300": "#c6cdd7",
            "400": "#a9b3c1",
            "500": "#5f6a78",
            "600": "#505b69",
            "700": "#38414d",
            "800": "#232932",
            "900": "#161a21",
            "950": "#0f1217",
        },
        "primary": {
            "50": "#f1f4fe",
            "100": "#e3e9fd",
            "200": "#c8d4fb",
            "300": "#a3b8ff",
            "400": "#93a9f7",
            "500": "#8199f0",
            "600": "#3350b8",
            "700": "#2a4299",
            "800": "#233679",
            "900": "#1c2b5e",
            "950": "#121c3f",
        },
    },
}

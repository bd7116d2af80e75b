"""How lines of the log are written: for people or as JSON, with the ids of request and task, and without secrets."""

import json
import logging
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"
# Where something that is secret begins, and what of it is hidden.
_SECRETS = re.compile(
    r"""
      (?P<scheme> \b(?:Bearer|Basic) [ ]+ ) [\w.~+/=-]{16,}
    | (?P<url> \b[a-z][a-z0-9+.-]*:// [^\s:/@"']* : ) [^\s@"']+ (?=@)
    | (?P<hook> \bhooks\.slack\.com/\w+/ | \bwebhook\.office\.com/ ) [^\s"'\\]+
    | (?P<named> \b[\w-]* (?:password|passwd|secret|token|api_?key|csrfmiddlewaretoken|sessionid|signature|\bsig|dsn)
        ["']? \s* [=:] \s* ["']? ) (?!None\b|null\b|true\b|false\b) [^\s"'&,;)}\\]+
    | \babt_[0-9a-f]{8}_[A-Za-z0-9_-]+
    | \bwhsec_[A-Za-z0-9+/=_-]+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SHORTEST = 6  # a secret that is shorter would hide parts of words


class Formatter(structlog.stdlib.ProcessorFormatter):
    """Hides what is secret in the finished line, wherever in it it stands: message, arguments or traceback."""

    def __init__(self, *args: Any, secrets: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = {secret for secret in secrets if len(secret) >= _SHORTEST}
        known |= {json.dumps(secret, ensure_ascii=False)[1:-1] for secret in known}
        self._known = sorted(known, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._known:
            line = line.replace(secret, HIDDEN)
        return _SECRETS.sub(_hide, line)


def _hide(found: re.Match[str]) -> str:
    return next((kept for kept in found.groups() if kept), "") + HIDDEN


def _as_line(_logger: WrappedLogger, _name: str, event: EventDict) -> str:
    """Such as "2026-11-20T14:05:00.123456Z INFO ads.enforcement: Pausing campaign ... (task_id=...)"."""
    exception = event.pop("exception", "")
    moment, level, source = (event.pop(key, "") for key in ("timestamp", "level", "logger"))
    said = str(event.pop("event", ""))
    more = " ".join(f"{key}={value}" for key, value in event.items())
    line = f"{moment} {str(level).upper()} {source}: {said}" + (f" ({more})" if more else "")
    return f"{line}\n{exception}" if exception else line


_BEFORE: Sequence[Processor] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
)


def configuration(log_format: Literal["line", "json"], *, secrets: Iterable[str]) -> dict[str, Any]:
    """Django's LOGGING. Structlog's loggers write through it too."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_BEFORE,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    render: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False) if log_format == "json" else _as_line
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "chosen": {
                "()": Formatter,
                "foreign_pre_chain": [*_BEFORE, structlog.stdlib.ExtraAdder(allow=[])],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    render,
                ],
                "secrets": list(secrets),
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "chosen"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            "ads": {"level": "INFO"},
            "celery": {"level": "INFO"},
            # Otherwise its own handler prints each line a second time.
            "django": {"handlers": [], "level": "INFO"},
            "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
            # What is answered 4xx has a line already, with its id.
            "django.request": {"level": "ERROR"},
            "django_structlog": {"level": "INFO"},
            # Celery tells of its tasks itself.
            "django_structlog.celery": {"level": "CRITICAL"},
        },
    }

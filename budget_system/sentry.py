"""Errors are reported to Sentry where its address is given and its library, an extra, is installed."""

from importlib.util import find_spec


def report_errors_to(dsn: str) -> None:
    """Reports what nobody caught: the error and where it happened; no person, no values of variables, no body."""
    if not dsn or not is_installed():
        return
    import sentry_sdk

    sentry_sdk.init(
        dsn=dsn,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        traces_sample_rate=None,
        auto_session_tracking=False,
    )


def is_installed() -> bool:
    """Whether `pip install -r requirements-sentry.txt` was run."""
    return find_spec("sentry_sdk") is not None

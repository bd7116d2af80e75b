"""Reading an EMAIL_URL."""

import pytest

from budget_system.email_url import EmailServer, EmailURLError, parse_email_url

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("console:", EmailServer()),
        ("smtp://mail.example", EmailServer("mail.example", 25)),
        ("smtp://mail.example:2525", EmailServer("mail.example", 2525)),
        ("smtps://mail.example", EmailServer("mail.example", 465, tls=True)),
        (
            "smtp+starttls://bud%40acme.example:p%3Aw%2F%40@mail.example",
            EmailServer("mail.example", 587, "bud@acme.example", "p:w/@", starttls=True),
        ),
    ],
)
def test_a_url_names_a_server(url: str, server: EmailServer) -> None:
    assert parse_email_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "http://mail.example",
        "smtp://",
        "smtp://mail.example/inbox",
        "smtp://mail.example?tls=1",
    ],
)
def test_what_names_no_server_is_refused_with_what_would_be_right(url: str) -> None:
    with pytest.raises(EmailURLError, match=r"smtp\+starttls://user:password@host:587"):
        parse_email_url(url)


def test_a_password_written_bare_is_refused_and_not_repeated() -> None:
    with pytest.raises(EmailURLError, match="percent-encoded") as refused:
        parse_email_url("smtp://bud:se:cret/x@mail.example")
    assert "cret" not in str(refused.value)
    assert "cret" not in repr(parse_email_url("smtp://bud:secret@mail.example"))

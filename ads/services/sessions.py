"""Sessions of people: ended where what let them in is no longer so."""

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone


def end(user: User, *, but: str | None = None) -> int:
    """Signs this person out everywhere, `but` in the session of that key; returns how many sessions ended.

    A session does not tell whose it is without being opened, so all are; this follows a rare act of a person.
    """
    others = Session.objects.filter(expire_date__gt=timezone.now()).exclude(session_key=but)
    keys = [
        session.session_key
        for session in others.iterator()
        if session.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    Session.objects.filter(session_key__in=keys).delete()
    return len(keys)

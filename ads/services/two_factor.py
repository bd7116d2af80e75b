"""Two-factor: a code of an app on one's phone beside the password, and recovery codes for when the phone is gone."""

from base64 import b32encode
from hashlib import sha256
from hmac import digest
from secrets import token_bytes
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.encoding import force_bytes
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from ads.actor import Actor, acting_as
from ads.services import sessions
from ads.services.rights import record_two_factor

RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 10
KEPT_BYTES = 10  # of a recovery code's digest: as many as the column holds


def is_on(user: User) -> bool:
    """Whether this person signs in with a second factor."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def device_of(user: User) -> Any | None:
    """The phone of this person, confirmed or not yet; None where two-factor is off and nobody has begun."""
    return TOTPDevice.objects.filter(user=user).order_by("-confirmed", "-pk").first()


@transaction.atomic
def begin(user: User) -> Any:
    """A new secret for this person's phone, which counts once a code of it was given; earlier such ones end."""
    TOTPDevice.objects.filter(user=user, confirmed=False).delete()
    return TOTPDevice.objects.create(user=user, name="phone", confirmed=False)


def cancel(user: User) -> None:
    """Forgets what was begun and not confirmed."""
    TOTPDevice.objects.filter(user=user, confirmed=False).delete()


@transaction.atomic
def confirm(user: User, code: str, *, session_key: str | None) -> list[str]:
    """Switches two-factor on with a first code; returns the recovery codes, none where the code is not right.

    Whoever signed in as this person without it is signed out, but in the session of that key.
    """
    begun = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
    if begun is None or is_on(user) or not begun.verify_token(_digits(code)):
        return []
    begun.confirmed = True
    begun.save(update_fields=["confirmed"])
    record_two_factor(user, given=True)
    sessions.end(user, but=session_key)
    return new_recovery_codes(user)


@transaction.atomic
def new_recovery_codes(user: User) -> list[str]:
    """Makes the codes that let this person in without the phone, each once; earlier ones end."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [b32encode(token_bytes(RECOVERY_CODE_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=_kept(code)) for code in codes)
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]


def recovery_codes_left(user: User) -> int:
    """How many of them were not used yet."""
    count: int = StaticToken.objects.filter(device__user=user).count()
    return count


@transaction.atomic
def verify(user: User, code: str) -> str:
    """The id of what this code is of, the phone or the recovery codes; empty where it is not right.

    A code is right once, and after a wrong one the next is looked at a second later, then two, four and so on.
    """
    digits = _digits(code)
    kind, given = (TOTPDevice, digits) if digits.isdecimal() else (StaticDevice, _kept(_letters(code)))
    # Locked, so that of two that bring the same code at the same moment one is refused.
    device = kind.objects.select_for_update().filter(user=user, confirmed=True).first()
    return str(device.persistent_id) if device is not None and device.verify_token(given) else ""


@transaction.atomic
def switch_off(user: User, *, by: Actor = None) -> bool:
    """From now on the password alone lets this person in; returns whether it was on."""
    was_on = is_on(user)
    for kind in (TOTPDevice, StaticDevice):
        kind.objects.filter(user=user).delete()
    if was_on:
        with acting_as(by):
            record_two_factor(user, given=False)
    return was_on


def reset(user: User, *, by: Actor = None) -> bool:
    """Takes the phone of somebody who has lost it; returns whether there was one. Ends their sessions."""
    sessions.end(user)
    return switch_off(user, by=by)


def _digits(code: str) -> str:
    return "".join(code.split())


def _letters(code: str) -> str:
    return _digits(code).replace("-", "").lower()


def _kept(code: str) -> str:
    """What is stored of a recovery code: of no use to who reads the database and not the settings."""
    keyed = digest(force_bytes(settings.SECRET_KEY), code.encode(), sha256)
    return b32encode(keyed[:KEPT_BYTES]).decode()

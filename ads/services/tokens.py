"""API tokens: issued once, told to nobody again, found by what only their holder knows, revoked at once."""

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ads.errors import Protected
from ads.models import ApiToken, Brand, Scope
from ads.models.api import check_scopes
from ads.rights import Right, may
from ads.services.rights import record_token

AnyUser = User | AnonymousUser
SECRET_BYTES = 32
# The mark at its start is for people, and for programs that look for secrets in source code.
FORM = re.compile(r"abt_([0-9a-f]{8})_([A-Za-z0-9_-]{43})", re.ASCII)
USE_NOTED_EVERY = timedelta(minutes=1)
# What a person must be allowed to do to let a program do it in their name.
# Of the rights behind a scope one is enough: what a request changes decides which it needs.
RIGHTS_OF_SCOPES = {
    Scope.SPEND_WRITE: (Right.RECORD_SPEND,),
    Scope.READ: (Right.SEE,),
    Scope.MANAGE: (Right.EDIT_BUDGETS, Right.SWITCH),
}


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token, and the one chance to read it."""

    token: ApiToken
    text: str = field(repr=False)


@transaction.atomic
def issue(
    user: User,
    name: str,
    scopes: Collection[str],
    *,
    brands: Collection[Brand] | None = None,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> Issued:
    """Makes a token with this user's rights, or with those over `brands` alone.

    Raises ValidationError for a scope that there is not, for a brand that the user does not see, and for an end
    that is over.
    """
    now = now or timezone.now()
    check_scopes(scopes)
    _check_brands(user, brands or ())
    if expires_at is not None and expires_at <= now:
        raise ValidationError({"expires_at": f"{expires_at:%Y-%m-%d %H:%M} UTC is over"})
    secret = secrets.token_bytes(SECRET_BYTES)
    token = ApiToken.objects.create(
        name=name,
        user=user,
        prefix=secrets.token_hex(4),
        digest=sha256(secret).hexdigest(),
        scopes=sorted(set(scopes)),
        all_brands=brands is None,
        created_at=now,
        expires_at=expires_at,
    )
    token.brands.set(brands or ())
    record_token(token, given=True)
    return Issued(token, f"abt_{token.prefix}_{urlsafe_b64encode(secret).decode().rstrip('=')}")


def grantable(user: AnyUser) -> list[Scope]:
    """The scopes that this user may give to a token of their own."""
    return [scope for scope, rights in RIGHTS_OF_SCOPES.items() if any(may(user, right) for right in rights)]


def rename(token: ApiToken, name: str) -> None:
    """Calls it otherwise; nothing else about it changes."""
    ApiToken.objects.filter(pk=token.pk).update(name=name)


@transaction.atomic
def revoke(*given: ApiToken, now: datetime | None = None) -> None:
    """From now on they open nothing; those revoked before stay as they are."""
    in_force = ApiToken.objects.filter(pk__in=[token.pk for token in given], revoked_at__isnull=True)
    for token in in_force.select_for_update(of=("self",)):
        token.revoked_at = now or timezone.now()
        token.save(update_fields=["revoked_at"])
        record_token(token, given=False)


def delete(token: ApiToken) -> None:
    """Deletes one that nobody ever used. Raises Protected for any other, which can be revoked."""
    if not ApiToken.objects.filter(pk=token.pk, last_used_at__isnull=True).delete()[0]:
        raise Protected(f"{token} was used, so it cannot be deleted; revoke it")


def find(text: str) -> ApiToken | None:
    """The token that was told as this text, with its user, whether or not it still opens anything."""
    parts = FORM.fullmatch(text)
    if parts is None:
        return None
    try:
        token = ApiToken.objects.select_related("user").get(prefix=parts[1])
    except ApiToken.DoesNotExist:
        return None
    digest = sha256(urlsafe_b64decode(f"{parts[2]}=")).hexdigest()
    return token if compare_digest(token.digest, digest) else None


def note_use(token: ApiToken, now: datetime) -> None:
    """Writes when it was last used, at most once a minute."""
    if token.last_used_at is not None and token.last_used_at > now - USE_NOTED_EVERY:
        return
    noted_before = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
    ApiToken.objects.filter(noted_before, pk=token.pk).update(last_used_at=now)


def _check_brands(user: User, brands: Collection[Brand]) -> None:
    wanted = {brand.pk for brand in brands}
    seen = set(Brand.objects.visible_to(user).filter(pk__in=wanted).order_by().values_list("pk", flat=True))
    for brand in brands:
        if brand.pk not in seen:
            raise ValidationError({"brands": f"{user.get_username()} has no right to {brand}"})

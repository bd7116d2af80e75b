"""API tokens: issued once, told to nobody again, found by what only their holder knows, revoked at once."""

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ads.models import ApiToken, Brand
from ads.models.api import check_scopes
from ads.services.rights import record_token

SECRET_BYTES = 32
# The mark at its start is for people, and for programs that look for secrets in source code.
FORM = re.compile(r"abt_([0-9a-f]{8})_([A-Za-z0-9_-]{43})", re.ASCII)
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token, and the one chance to read it."""

    token: ApiToken
    text: str


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

    Raises ValidationError for a scope that there is not, and for a brand that the user does not see.
    """
    check_scopes(scopes)
    _check_brands(user, brands or ())
    secret = secrets.token_bytes(SECRET_BYTES)
    token = ApiToken.objects.create(
        name=name,
        user=user,
        prefix=secrets.token_hex(4),
        digest=sha256(secret).hexdigest(),
        scopes=sorted(set(scopes)),
        all_brands=brands is None,
        created_at=now or timezone.now(),
        expires_at=expires_at,
    )
    token.brands.set(brands or ())
    record_token(token, given=True)
    return Issued(token, f"abt_{token.prefix}_{urlsafe_b64encode(secret).decode().rstrip('=')}")


@transaction.atomic
def revoke(token: ApiToken, *, now: datetime | None = None) -> None:
    """From now on it opens nothing."""
    in_force = ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True)
    if in_force.update(revoked_at=now or timezone.now()):
        record_token(token, given=False)
    token.refresh_from_db(fields=["revoked_at"])


def find(text: str) -> ApiToken | None:
    """The token that was told as this text, with its user, whether or not it still opens anything."""
    parts = FORM.fullmatch(text)
    if parts is None:
        return None
    token = ApiToken.objects.select_related("user").filter(prefix=parts[1]).first()
    digest = sha256(urlsafe_b64decode(f"{parts[2]}=")).hexdigest()
    return token if token is not None and compare_digest(token.digest, digest) else None


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

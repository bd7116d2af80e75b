"""Brands and campaigns by a part of their name, campaigns by their id on a platform too; the ledger by an id."""

from dataclasses import dataclass
from difflib import get_close_matches

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection, transaction
from django.db.models import Q

from ads.models import Brand, Campaign, SpendLog

MOST_OF_A_KIND = 8


@dataclass(frozen=True, slots=True)
class Found:
    """What matches, the best known names first; `is_cut` where more match than are told."""

    brands: list[Brand]
    campaigns: list[Campaign]
    is_cut: bool

    def __bool__(self) -> bool:
        return bool(self.brands or self.campaigns)


def find(user: AbstractBaseUser | AnonymousUser, text: str, most: int = MOST_OF_A_KIND) -> Found:
    """Brands and campaigns that this person has a right to, and whose name holds `text` or whose id on its platform
    it is. Two queries."""
    if not text:
        return Found([], [], is_cut=False)
    brands = Brand.objects.visible_to(user).filter(name__icontains=text, archived_at__isnull=True)
    campaigns = (
        Campaign.objects.visible_to(user)
        .filter(Q(name__icontains=text) | Q(external_id=text))
        .filter(archived_at__isnull=True, brand__archived_at__isnull=True)
        .select_related("brand")
        .order_by("name", "pk")
    )
    found_brands, found_campaigns = list(brands[: most + 1]), list(campaigns[: most + 1])
    return Found(
        found_brands[:most],
        found_campaigns[:most],
        is_cut=len(found_brands) > most or len(found_campaigns) > most,
    )


def nearest(user: AbstractBaseUser | AnonymousUser, text: str) -> Brand | None:
    """The brand that this person has a right to whose name, or a word of it, is most like `text`. One query."""
    brands: dict[str, Brand] = {}
    for brand in Brand.objects.visible_to(user).filter(archived_at__isnull=True):
        name = brand.name.casefold()
        for words in (name, *name.split()):
            brands.setdefault(words, brand)
    found = get_close_matches(text.casefold(), brands, n=1)
    return brands[found[0]] if found else None


def logs_with_id(external_id: str) -> list[int]:
    """Keys of the ledger's rows, whosever they are, that have exactly this id in their source."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # The planner takes an index of summaries (migration 0017) to be as slow as the whole table.
            cursor.execute("SET LOCAL enable_seqscan = off")
        return list(SpendLog.objects.filter(external_id=external_id).order_by().values_list("pk", flat=True))

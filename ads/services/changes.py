"""The history of statuses, for whoever follows along and must not skip anything.

A change gets its number in its brand under the brand's lock, so numbers become visible in their order and
without gaps. Across brands there is no such order: how far one has read is a number for each brand.
"""

from collections.abc import Collection, Mapping

from django.db.models import OuterRef, Subquery

from ads.models import Brand, StatusChange
from ads.services.given import given


def changes_since(seen: Mapping[int, int], limit: int) -> list[StatusChange]:
    """Changes of these brands beyond the number seen of each, `limit` at most; of each brand the next ones."""
    if not seen:
        return []
    # There are no gaps, so the bound leaves of each brand as many as could be wanted, read from the index.
    table, params = given(
        ("bigint", "bigint", "bigint"), [(brand, last, last + limit) for brand, last in sorted(seen.items())]
    )
    sql = f"""
        WITH seen (brand, last, bound) AS ({table})
        SELECT change.* FROM seen JOIN ads_statuschange AS change
        ON change.brand_id = seen.brand AND change.sequence > seen.last AND change.sequence <= seen.bound
        ORDER BY change.id LIMIT %s
    """  # noqa: S608 - only placeholders are put in
    return list(StatusChange.objects.raw(sql, [*params, limit]))


def latest(brand_ids: Collection[int]) -> dict[int, int]:
    """The last number of each of these brands; 0 where there is none."""
    last = StatusChange.objects.filter(brand_id=OuterRef("pk")).order_by("-sequence").values("sequence")[:1]
    brands = Brand.objects.filter(pk__in=brand_ids).order_by().annotate(last=Subquery(last))
    return {pk: number or 0 for pk, number in brands.values_list("pk", "last")}

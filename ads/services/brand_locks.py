"""Work under brands' locks by what serves all of them: who holds one brand must not keep all others waiting."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from django.db import OperationalError, connection, transaction

from ads.models import Brand
from ads.services.transactions import is_rolled_back, retrying, waiting_at_most

R = TypeVar("R")

logger = logging.getLogger("ads.enforcement")

HELD_SECONDS = 5  # for which one brand is waited for


def under_locks(groups: Iterable[Sequence[int]], work: Callable[[list[Brand]], R]) -> Iterator[R]:
    """Yields what the work gave for each group of brands, a transaction each: first for those that nobody holds.

    A brand that somebody holds is waited for at the end, and left out where it is not soon let go.
    """
    held: list[int] = []
    for brand_ids in groups:
        done, left = of_free(brand_ids, work)
        held += left
        yield from done
    for brand_id in held:
        yield from of_held(brand_id, work)


@retrying
def of_free(brand_ids: Sequence[int], work: Callable[[list[Brand]], R]) -> tuple[list[R], list[int]]:
    """What the work gave for those of these brands that nobody holds, nothing where there are none; and the others."""
    brands = Brand.objects.lock(brand_ids, free_only=True)
    done = [work(brands)] if brands else []
    if not connection.features.has_select_for_update_skip_locked:
        return done, []
    free = {brand.pk for brand in brands}
    return done, [brand_id for brand_id in brand_ids if brand_id not in free]


def of_held(brand_id: int, work: Callable[[list[Brand]], R]) -> list[R]:
    """What the work gave for a brand that somebody holds, if it is soon let go; nothing where it is not."""
    try:
        with waiting_at_most(HELD_SECONDS), transaction.atomic():
            return [work(Brand.objects.lock([brand_id]))]
    except OperationalError as error:
        if not is_rolled_back(error):
            raise
        logger.warning("Brand %d is held by somebody; what is to be decided there waits", brand_id)
        return []

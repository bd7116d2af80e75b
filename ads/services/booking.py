"""The end of each slice of records: append to the ledger, add to the periods, decide, in the slice's transaction."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from operator import itemgetter

from ads.models import Cause
from ads.services import alerts, enforcement, ledger, periods
from ads.services.checking import Ground
from ads.services.given import run
from ads.services.ledger import LOG_COLUMNS, RecordKey, RowValues

_OWNER_AND_DAY = itemgetter(*map(LOG_COLUMNS.index, ("brand_id", "campaign_id", "spent_on")))
_MICROS = itemgetter(LOG_COLUMNS.index("amount_micros"))


def book(rows: Sequence[RowValues], keys: Sequence[RecordKey], ground: Ground) -> None:
    """Appends these rows, with the identities of those that have one, and decides what follows."""
    if not rows:
        return
    added: defaultdict[tuple[int, int, date], int] = defaultdict(int)
    for owner, micros in zip(map(_OWNER_AND_DAY, rows), map(_MICROS, rows), strict=True):
        added[owner] += micros
    limits = {pk: campaign.limits for pk, campaign in ground.campaigns.items()}
    crossed = periods.Crossed()
    run([*ledger.append(rows, keys), *periods.add(added, ground.brands, limits, crossed, ground.now)])
    _decide(crossed, ground)
    alerts.spent(crossed.moves, ground.now)


def _decide(crossed: periods.Crossed, ground: Ground) -> None:
    """Whoever's limit is now reached, or no longer, is decided; for all others nothing has changed."""
    brands = [ground.brands[brand_id] for brand_id in sorted(crossed.brand_ids)]
    if brands:
        enforcement.decide_brands(brands, cause=Cause.SPEND, now=ground.locked_at)
    brand_of = {pk: ground.campaigns[pk].owner.brand_id for pk in crossed.campaign_ids}
    alone = {pk: brand_id for pk, brand_id in brand_of.items() if brand_id not in crossed.brand_ids}
    if alone:
        owners = [ground.brands[brand_id] for brand_id in sorted(set(alone.values()))]
        enforcement.decide_campaigns(owners, alone, cause=Cause.SPEND, now=ground.locked_at)

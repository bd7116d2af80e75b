"""May a record be counted, and for which day: every reason to refuse one is here."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection

from ads.actor import actor_name
from ads.errors import InvalidSpend
from ads.models import Brand, Kind
from ads.rules.money import MAX_MICROS, from_micros
from ads.rules.periods import Calendar
from ads.services.given import Statement, among, moment, run
from ads.services.moments import passing
from ads.services.periods import Limits
from ads.services.records import REVERSAL, SpendEvent, SpendSnapshot

FURTHEST_AHEAD = timedelta(hours=24)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
EARLIEST_DAY = EARLIEST.date()


@dataclass(frozen=True, slots=True)
class BrandGround:
    """A locked brand, and its dates at this moment."""

    brand: Brand
    brand_id: int
    currency: str
    calendar: Calendar
    today: date
    today_starts_at: datetime
    tomorrow_starts_at: datetime
    latest_day: date

    def local_date(self, instant: datetime) -> date:
        """The date an instant counts for; nearly always today."""
        if self.today_starts_at <= instant < self.tomorrow_starts_at:
            return self.today
        return self.calendar.local_date(instant)


@dataclass(frozen=True, slots=True)
class CampaignGround:
    """A campaign of a locked brand as it is now, with its budgets."""

    owner: BrandGround
    status: str
    status_since: datetime | None
    limits: Limits


@dataclass(frozen=True, slots=True)
class Ground:
    """What a slice of records stands on: its locked brands, their campaigns, the source, the moment.

    `now` is when the records arrived, `latest` the last moment they may be of, and `locked_at` the one by which
    the locks were held: what follows is decided for that one.
    """

    brands: Mapping[int, Brand]
    campaigns: Mapping[int, CampaignGround]
    source: str
    now: datetime
    latest: datetime
    locked_at: datetime
    by: str


def stand_on(
    campaign_ids: Iterable[int],
    source: str,
    now: datetime,
    brand_ids: Collection[int] | None = None,
) -> Ground:
    """Locks the brands of these campaigns and reads, after that, what booking needs to know."""
    if not source:
        raise InvalidSpend("source", "is empty; name where the records come from, such as meta")
    check_text("source", source, 64)
    ids, clock = set(campaign_ids), passing(now)
    if brand_ids is None:
        brand_ids = set(brands_of(ids).values())
    brands: dict[int, Brand] = {}
    owners: dict[int, BrandGround] = {}
    campaigns: dict[int, CampaignGround] = {}
    locked_at = now

    def take_brands(rows: list[tuple[Any, ...]]) -> None:
        nonlocal locked_at
        locked_at = clock()
        brands.update((brand.pk, brand) for brand in Brand.objects.locked(rows))
        owners.update((pk, _brand_ground(brand, now)) for pk, brand in brands.items())

    def take_campaigns(rows: list[tuple[Any, ...]]) -> None:
        for pk, brand_id, status, since, *limits in rows:
            if brand_id in owners:
                campaigns[pk] = CampaignGround(
                    owners[brand_id], status, since and moment(since), Limits(*limits)
                )

    if brand_ids:
        run([Statement(*Brand.objects.locking(brand_ids), take_brands), _reading(ids, take_campaigns)])
    return Ground(
        brands=brands,
        campaigns=campaigns,
        source=source,
        now=now,
        latest=now + FURTHEST_AHEAD,
        locked_at=locked_at,
        by=actor_name(),
    )


def brands_of(campaign_ids: Collection[int]) -> dict[int, int]:
    """The brand of each campaign. It belongs to one for ever, so this may be read before the lock."""
    are_these, params = among("bigint", list(campaign_ids))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, brand_id FROM ads_campaign WHERE id {are_these}", params)  # noqa: S608
        return dict(cursor.fetchall())


def _reading(ids: Collection[int], take: Callable[[list[tuple[Any, ...]]], None]) -> Statement:
    are_these, params = among("bigint", list(ids))
    sql = f"""
        SELECT id, brand_id, status, CAST(status_since AS text),
            daily_budget_micros, monthly_budget_micros, total_budget_micros
        FROM ads_campaign WHERE id {are_these}
    """  # noqa: S608 - only placeholders are put in
    return Statement(sql, params, take)


def _brand_ground(brand: Brand, now: datetime) -> BrandGround:
    calendar = brand.calendar
    today = calendar.local_date(now)
    return BrandGround(
        brand,
        brand.pk,
        brand.currency,
        calendar,
        today,
        *calendar.day_bounds(today),
        calendar.local_date(now + FURTHEST_AHEAD),
    )


def check_event(event: SpendEvent, ground: Ground) -> date:
    """The date it counts for; raises InvalidSpend where it cannot be counted."""
    owner = _check_owner(event, ground)
    if ground.source == REVERSAL and event.reverses_id is None:
        raise InvalidSpend("source", f"{REVERSAL} is the source of reversals alone; name another")
    micros = event.amount_micros
    if micros == 0:
        raise InvalidSpend("amount", "0 is no event; leave it out")
    if event.kind == Kind.SPEND and micros < 0:
        raise InvalidSpend(
            "amount", f"{from_micros(micros)} is negative; record it as a REFUND or an ADJUSTMENT"
        )
    if event.kind == Kind.REFUND and micros > 0:
        amount = from_micros(micros)
        raise InvalidSpend("amount", f"{amount} is positive; a REFUND is negative, such as -{amount}")
    if event.external_id is not None:
        check_text("external_id", event.external_id, 255)
    if event.description:
        check_text("description", event.description, 255)
    if event.occurred_at is not None:
        _check_instant(event.occurred_at, ground)
    if event.spent_on is not None:
        _check_day(event.spent_on, owner, ground.now)
        return event.spent_on
    return owner.local_date(event.occurred_at or ground.now)


def check_snapshot(snapshot: SpendSnapshot, ground: Ground) -> None:
    """Raises InvalidSpend where the total cannot be counted."""
    owner = _check_owner(snapshot, ground)
    check_text("line", snapshot.line, 255)
    if snapshot.as_of is not None and snapshot.as_of.tzinfo is None:
        raise InvalidSpend("as_of", f"{snapshot.as_of} has no time zone; add its offset, such as +00:00")
    _check_day(snapshot.day, owner, ground.now)
    if snapshot.hour is not None and snapshot.hour not in range(24):
        raise InvalidSpend("hour", f"{snapshot.hour} is not an hour; give 0 to 23")


def check_text(field: str, value: str, longest: int) -> None:
    """Raises InvalidSpend where the database could not store the text as it is."""
    if len(value) > longest:
        raise InvalidSpend(field, f"has {len(value)} characters; at most {longest} are possible")
    if "\x00" in value:
        raise InvalidSpend(field, "holds a NUL character; leave it out")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidSpend(field, "is not valid Unicode text; it holds half of a surrogate pair")


def _check_owner(record: SpendEvent | SpendSnapshot, ground: Ground) -> BrandGround:
    campaign = ground.campaigns.get(record.campaign_id)
    if campaign is None:
        raise InvalidSpend("campaign", f"{record.campaign_id} is not a campaign")
    owner = campaign.owner
    if record.currency is not None and record.currency != owner.currency:
        raise InvalidSpend(
            "currency", f"{record.currency} is not the brand's currency, which is {owner.currency}"
        )
    if not -MAX_MICROS <= record.amount_micros <= MAX_MICROS:
        raise InvalidSpend("amount", f"{from_micros(record.amount_micros)} is out of range")
    return owner


def _check_instant(occurred_at: datetime, ground: Ground) -> None:
    if occurred_at.tzinfo is None:
        raise InvalidSpend("occurred_at", f"{occurred_at} has no time zone; add its offset, such as +00:00")
    if occurred_at < EARLIEST:
        raise InvalidSpend("occurred_at", f"{occurred_at} is before 2000; give the moment it was spent")
    if occurred_at > ground.latest:
        raise InvalidSpend(
            "occurred_at",
            f"{occurred_at} is more than 24 hours ahead of now, {ground.now:%Y-%m-%d %H:%M} UTC",
        )


def _check_day(day: date, owner: BrandGround, now: datetime) -> None:
    if day < EARLIEST_DAY:
        raise InvalidSpend("date", f"{day} is before 2000; give the day it was spent")
    if day > owner.latest_day:
        raise InvalidSpend("date", f"{day} is more than 24 hours ahead of now, {now:%Y-%m-%d %H:%M} UTC")

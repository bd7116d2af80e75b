"""What a brand spent in each hour of a day, by the clock on its wall."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Case, IntegerField, Max, Sum, Value, When

from ads.models import Brand, SpendLog
from ads.rules.periods import Calendar

_HOUR = timedelta(hours=1)
_NOT_TIMED, _ELSEWHERE = -1, -2


@dataclass(frozen=True, slots=True)
class LastRecord:
    """What was recorded last for a day: when, and by which source."""

    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Hours:
    """A day's spend in micros: of each of its hours, and apart from them what came with a date but no time.

    `starts` are the instants at which the hours begin: 23 to 25 of them.
    """

    starts: Sequence[datetime]
    spent: Sequence[int]
    without_time: int
    last_record: LastRecord | None


def spend_per_hour(brand: Brand, calendar: Calendar, day: date) -> Hours:
    """Of the ledger's rows that count for this day. One query."""
    starts = _hours(calendar, day)
    rows = (
        SpendLog.objects.filter(brand=brand, spent_on=day)
        .order_by()
        .annotate(hour=_hour(starts, calendar.day_bounds(day)[1]))
        .values_list("hour", "source")
        .annotate(total=Sum("amount_micros"), last=Max("recorded_at"))
    )
    spent, without_time = [0] * len(starts), 0
    last: LastRecord | None = None
    for hour, source, total, recorded_at in rows:
        if hour < 0:
            without_time += int(total)
        else:
            spent[hour] += int(total)
        if last is None or recorded_at > last.at:
            last = LastRecord(recorded_at, source)
    return Hours(starts, spent, without_time, last)


def _hours(calendar: Calendar, day: date) -> list[datetime]:
    start, end = calendar.day_bounds(day)
    return [start + number * _HOUR for number in range(-(-(end - start) // _HOUR))]


def _hour(starts: Sequence[datetime], end: datetime) -> Case:
    """The number of the hour in which a row was spent.

    A row may count for this day and be spent at an instant of another: platforms have zones of their own.
    """
    return Case(
        When(occurred_at__isnull=True, then=Value(_NOT_TIMED)),
        When(occurred_at__lt=starts[0], then=Value(_ELSEWHERE)),
        When(occurred_at__gte=end, then=Value(_ELSEWHERE)),
        *(When(occurred_at__lt=after, then=Value(number)) for number, after in enumerate(starts[1:])),
        default=Value(len(starts) - 1),
        output_field=IntegerField(),
    )

"""Reports: spend of a range, told apart as somebody chooses, on a page and as files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import IO, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from ads import formats
from ads.dashboard import exports
from ads.models import Brand
from ads.rules.periods import ONE_DAY, Calendar, month_start, next_month
from ads.services import replica
from ads.services.reports import (
    Key,
    Question,
    begin_rows,
    count_rows,
    of_brands_known_by_id,
    read_first_rows,
    total_by_currency,
)
from budget_system.replica import has_replica

ROWS_SHOWN, MOST_COUNTED = 200, 10_000
MOST_SUMS_IN_A_SENTENCE = 3
MOST_DAYS = 1_096
MOST_DAYS_BY_DAY = 400
MOST_DAYS_OF_CAMPAIGNS_BY_DAY = 93
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
_TIMES = (Key.DAY, Key.MONTH)


class Presets:
    """Ranges by their names, as dates around today."""

    def __init__(self, today: date) -> None:
        this_month = month_start(today)
        last_month = month_start(this_month - ONE_DAY)
        self.ranges = {
            "today": ("Today", today, today),
            "yesterday": ("Yesterday", today - ONE_DAY, today - ONE_DAY),
            "7-days": ("7 days", today - 6 * ONE_DAY, today),
            "this-month": ("This month", this_month, next_month(this_month) - ONE_DAY),
            "last-month": ("Last month", last_month, this_month - ONE_DAY),
            "90-days": ("90 days", today - 89 * ONE_DAY, today),
            "this-year": ("This year", date(today.year, 1, 1), date(today.year, 12, 31)),
        }


class RangeForm(forms.Form):
    """Dates from and to, both included."""

    first = forms.DateField(error_messages={"invalid": "Give the first day as a date such as 2026-11-01."})
    last = forms.DateField(error_messages={"invalid": "Give the last day as a date such as 2026-11-30."})

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and last < first:
            raise forms.ValidationError(f"The range ends on {last} before it begins on {first}.")
        for day in (first, last):
            if day and not FIRST_DAY <= day <= LAST_DAY:
                raise forms.ValidationError(
                    f"{day} is out of range; give days from {FIRST_DAY} to {LAST_DAY}."
                )
        return cleaned


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: the question, or what is wrong with it."""

    keys: frozenset[Key]
    brand: Brand | None
    preset: str
    first: str
    last: str
    question: Question | None
    error: str

    @property
    def calendar(self) -> Calendar:
        """Whose dates and times are told: the one brand's, else the system's."""
        return _calendar(self.brand)

    def address(self, name: str, **changes: str) -> str:
        """The address of this report, changed as said, under a page's name."""
        query: list[tuple[str, str]] = [("by", key.value) for key in Key if key in self.keys] or [("by", "")]
        if self.brand is not None and "brand" not in changes:
            query.append(("brand", str(self.brand.pk)))
        if "range" in changes or self.preset:
            query.append(("range", changes.get("range", self.preset)))
        else:
            query += [("from", self.first), ("to", self.last)]
        return f"{reverse(name)}?{urlencode(query)}"


def reports(request: HttpRequest) -> HttpResponse:
    """The report that is asked for, its first rows on the page."""
    asked = _asked(request)
    return render(request, "dashboard/reports.html", _page(asked))


def csv_file(request: HttpRequest) -> HttpResponseBase:
    """All rows as CSV, sent while they are read."""
    asked = _asked(request)
    if asked.question is None:
        return render(request, "dashboard/reports.html", _page(asked), status=422)
    lines = replica.read(partial(_csv, asked, asked.question), is_streamed=True)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{_file_name(asked.question)}.csv"'
    return response


def xlsx_file(request: HttpRequest) -> HttpResponseBase:
    """All rows as a spreadsheet."""
    asked = _asked(request)
    if asked.question is None:
        return render(request, "dashboard/reports.html", _page(asked), status=422)
    question = asked.question
    number = replica.read(lambda _: count_rows(question))
    if number > exports.MOST_ROWS_IN_A_SHEET:
        error = (
            f"This report has {number:,} rows, and a spreadsheet takes {exports.MOST_ROWS_IN_A_SHEET:,}. "
            "Take it as CSV, or choose a shorter range."
        )
        return render(request, "dashboard/reports.html", _page(asked) | {"error": error}, status=422)
    return FileResponse(
        replica.read(partial(_xlsx, asked, question)),
        as_attachment=True,
        filename=f"{_file_name(question)}.xlsx",
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )


def _csv(asked: Asked, question: Question, as_of: datetime | None) -> Iterator[str]:
    return exports.write_csv(_table(asked, question, as_of))


def _xlsx(asked: Asked, question: Question, as_of: datetime | None) -> IO[bytes]:
    return exports.write_xlsx(_table(asked, question, as_of))


def _table(asked: Asked, question: Question, as_of: datetime | None) -> exports.Table:
    """With a replica each file says as of when it is, so that its columns do not depend on how near that was."""
    if not has_replica():
        return exports.Table(question, begin_rows(question))
    moment = as_of or timezone.now()  # before anything is read
    return exports.Table(question, begin_rows(question), asked.calendar.wall_clock(moment))


def _asked(request: HttpRequest) -> Asked:
    now = timezone.now()
    brand = _brand(request)
    presets = Presets(_calendar(brand).local_date(now)).ranges
    preset, first, last = _range(request, presets)
    keys = _keys(request)
    form = RangeForm({"first": first, "last": last})
    brands = Brand.objects.visible_to(request.user)
    error, question = "", None
    if not form.is_valid():
        error = str(next(iter(form.errors.values()))[0])
    else:
        question = Question(
            brands if brand is None else brands.filter(pk=brand.pk),
            form.cleaned_data["first"],
            form.cleaned_data["last"],
            keys,
        )
        error = _too_large(question)
    if question is not None and not error and has_replica():
        question = of_brands_known_by_id(question)
    return Asked(keys, brand, preset, first, last, None if error else question, error)


def _brand(request: HttpRequest) -> Brand | None:
    value = request.GET.get("brand", "")
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise Http404
    return get_object_or_404(Brand.objects.visible_to(request.user), pk=int(value))


def _calendar(brand: Brand | None) -> Calendar:
    return brand.calendar if brand else Calendar.fixed(ZoneInfo(settings.TIME_ZONE))


def _range(request: HttpRequest, presets: dict[str, tuple[str, date, date]]) -> tuple[str, str, str]:
    """The preset's name ('' for dates of one's own), and the first and last day as they were written."""
    if request.GET.get("from") or request.GET.get("to"):
        return "", request.GET.get("from", "").strip()[:20], request.GET.get("to", "").strip()[:20]
    name = request.GET.get("range", "")
    preset = name if name in presets else "this-month"
    _, first, last = presets[preset]
    return preset, first.isoformat(), last.isoformat()


def _keys(request: HttpRequest) -> frozenset[Key]:
    """By brand where nothing is asked for; of day and month the finer one."""
    if "by" not in request.GET:
        return frozenset({Key.BRAND})
    chosen = {Key(value) for value in request.GET.getlist("by") if value in set(Key)}
    return frozenset(chosen - {Key.MONTH} if Key.DAY in chosen else chosen)


def _too_large(question: Question) -> str:
    days = (question.last - question.first).days + 1
    most, what = MOST_DAYS, "a report takes"
    if Key.DAY in question.keys:
        is_fine = bool(question.keys & {Key.CAMPAIGN, Key.PLATFORM})
        most = MOST_DAYS_OF_CAMPAIGNS_BY_DAY if is_fine else MOST_DAYS_BY_DAY
        what = "by campaign or platform and day a report takes" if is_fine else "by day a report takes"
    if days <= most:
        return ""
    advice = "Choose months, or a shorter range." if Key.DAY in question.keys else "Choose a shorter range."
    return f"This range has {days:,} days; {what} at most {most:,}. {advice}"


def _page(asked: Asked) -> dict[str, Any]:
    question = asked.question
    today = asked.calendar.local_date(timezone.now())
    context: dict[str, Any] = {
        "asked": asked,
        "error": asked.error,
        "title": _title(asked),
        "range_words": "" if question is None else _days(question.first, question.last),
        "presets": [
            (words, asked.address("dashboard:reports", range=name), name == asked.preset)
            for name, (words, _, _) in Presets(today).ranges.items()
        ],
        "keys": [(key.value, key.value.capitalize(), key in asked.keys) for key in Key if key not in _TIMES],
        "times": [("", "Whole range", not asked.keys & set(_TIMES))]
        + [(key.value, f"By {key.value}", key in asked.keys) for key in _TIMES],
        "all_brands_url": asked.address("dashboard:reports", brand=""),
    }
    if question is None:
        return context
    return context | replica.read(partial(_figures, asked, question))


def _figures(asked: Asked, question: Question, as_of: datetime | None) -> dict[str, Any]:
    rows = read_first_rows(question, ROWS_SHOWN)
    totals = total_by_currency(question)
    number = len(rows) if len(rows) < ROWS_SHOWN else count_rows(question, MOST_COUNTED + 1)
    return {
        "question": question,
        "as_of": "" if as_of is None else _told(as_of, asked.calendar),
        "has": {key.value: True for key in question.keys}
        | {"brand": bool(question.keys & {Key.BRAND, Key.CAMPAIGN})},
        "time_name": "Day" if Key.DAY in question.keys else "Month",
        "rows": [(row, _period(row.starts_on, question)) for row in rows],
        "number": number,
        "number_words": f"more than {MOST_COUNTED:,}" if number > MOST_COUNTED else f"{number:,}",
        "totals": list(totals.items()),
        "sum_words": _sums(totals),
        "csv_url": asked.address("dashboard:reports-csv"),
        "xlsx_url": asked.address("dashboard:reports-xlsx"),
    }


def _told(as_of: datetime, calendar: Calendar) -> str:
    """Such as "14:05:03 today, Africa/Lagos"."""
    moment = formats.moment(as_of, calendar, timezone.now(), seconds=True)
    return f"{moment}, {calendar.zone_at(as_of)}"


def _title(asked: Asked) -> str:
    words = [key.value for key in Key if key in asked.keys]
    by = f" by {_listed(words)}" if words else ""
    whose = f" of {asked.brand.name}" if asked.brand else ""
    return f"Spend{whose}{by}"


def _sums(totals: Mapping[str, int]) -> str:
    """What was spent in all, where a sentence can hold it."""
    if not 0 < len(totals) <= MOST_SUMS_IN_A_SENTENCE:
        return ""
    return _listed([formats.money(micros, currency) for currency, micros in totals.items()])


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _days(first: date, last: date) -> str:
    if first == last:
        return formats.day(first)
    return f"{formats.day(first)} to {formats.day(last)}"


def _period(starts_on: date | None, question: Question) -> str:
    if starts_on is None:
        return ""
    if Key.DAY in question.keys:
        return formats.day(starts_on)
    return (
        formats.month(starts_on) if question.is_whole(starts_on) else f"{formats.month(starts_on)}, in part"
    )


def _file_name(question: Question) -> str:
    by = "-".join(key.value for key in Key if key in question.keys) or "total"
    return f"spend-by-{by}-{question.first}-to-{question.last}"

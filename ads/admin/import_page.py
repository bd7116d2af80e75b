"""What the page of an import shows in each of its states, in words and figures."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.safestring import SafeString

from ads import formats
from ads.admin import cells
from ads.admin.csv_files import Cell
from ads.admin.import_form import in_the_forms_words, plain
from ads.formats import Look
from ads.importers import ParsedRow, Problem
from ads.models import Campaign, ImportState, QuarantinedSpend, QuarantineState, SpendImport, SpendLog
from ads.rules.periods import month_start
from ads.rules.serving import Reason, Status
from ads.services.enforcement import Change
from ads.services.import_jobs import options_of, summary_of
from ads.services.import_summary import ImportSummary, KeptOut
from ads.services.imported import campaigns_created

DAYS_SHOWN = 14
ROWS_SHOWN = 5
NAMES_SHOWN = 8
BAR, NARROWEST, GAP = 1_000, 8, 3  # the drawing of the file's parts

LOOKS = {
    ImportState.CHECKING: Look("…", "Being checked", "clock"),
    ImportState.CHECKED: Look("!", "Waits for you", "limit"),
    ImportState.IMPORTING: Look("…", "Being recorded", "clock"),
    ImportState.DONE: Look("✓", "Recorded", "run"),
    ImportState.REFUSED: Look("⊘", "Refused", "act"),
    ImportState.CANCELLED: Look("⊘", "Cancelled", "off"),
    ImportState.UNDOING: Look("…", "Being undone", "clock"),
    ImportState.UNDONE: Look("↶", "Undone", "off"),
}
BEFORE_RECORDING = frozenset({ImportState.CHECKING, ImportState.CHECKED})
# What a person can do about rows that are not counted.
REMEDIES = {
    Problem.ROW: "Correct the row in the file, or enter what it says in the quarantine.",
    Problem.DATE: "Correct the date in the file, or enter it in the quarantine. 2026-03-31 is always understood.",
    Problem.AMOUNT: "Correct the amount in the file, or enter it in the quarantine: a point and at most 6 decimals.",
    Problem.CURRENCY: "It is never taken 1:1. Enter the amount in the brand’s currency in the quarantine.",
    Problem.LINE: "Correct the id in the file, or enter it in the quarantine.",
    Problem.CAMPAIGN: "Import the file as it was downloaded: a spreadsheet rounds long ids. Or match the rows in the "
    "quarantine.",
    Problem.UNKNOWN_CAMPAIGN: "Match it to a campaign in the quarantine, once for all of its rows and for later files; "
    "or have them created.",
    Problem.NO_CAMPAIGN: "Check the file again and name “The one campaign”, or match the rows in the quarantine.",
    Problem.FOREIGN_CAMPAIGN: "Import the file for the other brand, or match the rows to a campaign of this one.",
    Problem.OUT_OF_RANGE: "Correct it in the file, or enter it in the quarantine.",
    Problem.CONFLICT: "What is recorded stays. The rows are kept in the quarantine: dismiss or correct them.",
}


def page(record: SpendImport, request: HttpRequest) -> dict[str, Any]:
    """All that the template needs beside the buttons."""
    summary, now = summary_of(record), timezone.now()
    calendar = record.brand.calendar
    context = {
        "record": record,
        "look": cells.mark(LOOKS[ImportState(record.state)]),
        "head": title(record),
        "lede": _lede(record, summary),
        "problem": in_the_forms_words(record.problem),
        "step": _step(record),
        "is_at_work": record.state in record.AT_WORK,
        "progress": progress(record),
        "facts": list(_facts(record, summary)),
        "uploaded": cells.when(record.created_at, calendar, now),
        "undone": cells.when(record.undone_at, calendar, now),
        "zone": calendar.zone_at(now),
        "same": [_same(each, record) for each in _same_files(record, request)],
    }
    if summary is not None and record.state not in (ImportState.CHECKING, ImportState.REFUSED):
        context |= {"summary": _summary(record, summary, calendar.local_date(now))}
    if record.state in (ImportState.DONE, ImportState.UNDONE):
        context |= _links(record) | {"created": created(record)}
    return context


def title(record: SpendImport) -> str:
    """The finding, first."""
    match record.state:
        case ImportState.CHECKED:
            return "Nothing is recorded yet"
        case ImportState.DONE if record.accepted:
            return f"{_verb(record.accepted)} recorded"
        case ImportState.DONE:
            return "Nothing new was recorded"
        case ImportState.REFUSED:
            return "This file cannot be taken"
        case ImportState.CANCELLED:
            return "Cancelled: nothing was recorded"
        case ImportState.UNDONE:
            return "This import is undone"
        case ImportState.UNDOING:
            return "This import is being undone"
        case ImportState.IMPORTING:
            return "The file is being recorded"
        case _:
            return "The file is being checked"


def progress(record: SpendImport) -> dict[str, Any]:
    """How far the work on it is, in words and in per cent (None: cannot be told)."""
    is_held = record.held_until is not None and record.held_until > timezone.now()
    if not is_held:
        return {"words": "Waits for a worker", "percent": None}
    if record.state == ImportState.UNDOING:
        return {"words": "Reversing what it booked", "percent": None}
    return {"words": record.stage or "Starting", "percent": record.percent}


def uncounted(record: SpendImport) -> Iterator[tuple[Cell, ...]]:
    """Rows that are not counted, for a file to download; the first of them is HEADER."""
    if record.state in BEFORE_RECORDING | {ImportState.CANCELLED}:
        summary = summary_of(record)
        for kept in summary.kept_out if summary else ():
            yield kept.row, kept.rows, kept.problem.value, kept.reason, "", "", "", "", "", ""
        return
    rows = QuarantinedSpend.objects.filter(spend_import=record).order_by("pk")
    for row in rows.iterator(chunk_size=1_000):
        yield (
            row.row or "",
            "",
            row.get_problem_display(),
            row.reason,
            row.campaign_ref,
            row.campaign_name,
            "" if row.spent_on is None else row.spent_on.isoformat(),
            "" if row.amount is None else row.amount,
            row.currency,
            "; ".join(f"{name}: {cell}" for name, cell in row.cells or ()),
        )


HEADER = (
    "Row", "Rows", "Problem", "What is wrong", "Campaign id", "Campaign", "Date", "Amount", "Currency",
    "As in the file",
)  # fmt: skip


def _lede(record: SpendImport, summary: ImportSummary | None) -> str:
    if summary is None or record.state not in (ImportState.CHECKED, ImportState.DONE):
        return f"for {record.brand}"
    needed = summary.quarantined + summary.conflicts
    known = f"{summary.duplicates:,} {'is' if summary.duplicates == 1 else 'are'} already recorded"
    if record.state == ImportState.CHECKED:
        can = f"{summary.accepted:,} of {formats.counted(summary.rows, 'row')} can be recorded for {record.brand}"
        need = f"{needed:,} {'needs' if needed == 1 else 'need'} you" if needed else ""
        parts = [can, need, known if summary.duplicates else ""]
    else:
        total = formats.exact_money(summary.booked_micros, summary.currency)
        kept = f"{needed:,} went to the quarantine" if needed else ""
        parts = [f"{total} booked for {record.brand}", kept, known if summary.duplicates else ""]
    return f"{', '.join(part for part in parts if part)}."


def _step(record: SpendImport) -> int:
    """Where it is between choosing a file (1), checking (2) and recorded (3); 0 where that is over."""
    steps = {ImportState.CHECKING: 2, ImportState.CHECKED: 2, ImportState.IMPORTING: 3, ImportState.DONE: 4}
    return steps.get(ImportState(record.state), 0)


def _facts(record: SpendImport, summary: ImportSummary | None) -> Iterator[str]:
    if record.format:
        yield f"{record.format} export" + (
            "" if record.options.get("format") else ", recognised by its columns"
        )
    yield filesizeformat(record.size_bytes)
    if record.source:
        yield f"source {record.source}"
    yield record.get_mode_display().partition(":")[0].partition(",")[0].lower()
    if record.campaign is not None:
        yield f"all on {record.campaign}"
    if record.create_campaigns:
        yield "missing campaigns are created"
    if record.as_of != record.created_at:
        wall = record.brand.calendar.wall_clock(record.as_of)
        yield f"report made {wall:%Y-%m-%d %H:%M}"
    given = options_of(record)
    if given.date_order:
        yield f"dates {'day' if given.date_order == 'dmy' else 'month'} first"
    if given.decimal_mark:
        yield f"decimal mark {given.decimal_mark}"
    if given.micros:
        yield "amounts in millionths"
    if summary is not None and summary.left_out:
        yield f"{formats.counted(summary.left_out, 'row')} left out: the export’s own totals and notes"


def _same_files(record: SpendImport, request: HttpRequest) -> QuerySet[SpendImport]:
    if record.state not in BEFORE_RECORDING:
        return SpendImport.objects.none()
    recorded = (ImportState.IMPORTING, ImportState.DONE, ImportState.UNDOING)
    same = SpendImport.objects.visible_to(request.user).filter(
        brand=record.brand_id, checksum=record.checksum, state__in=recorded
    )
    return same.exclude(pk=record.pk).select_related("brand")[:3]


def _same(other: SpendImport, record: SpendImport) -> dict[str, Any]:
    at = other.finished_at or other.created_at
    return {
        "link": cells.link(other),
        "at": cells.when(at, other.brand.calendar, timezone.now()),
        "by": other.created_by,
        "is_later": record.finished_at is not None and at > record.finished_at,
    }


def _summary(record: SpendImport, summary: ImportSummary, today: date) -> dict[str, Any]:
    is_plan = record.state in BEFORE_RECORDING | {ImportState.CANCELLED}
    needed = summary.quarantined + summary.conflicts
    days = sorted(summary.days.items())
    return {
        "is_plan": is_plan,
        "rows": formats.counted(summary.rows, "row"),
        "range": _range([day for day, _ in days]),
        "parts": _parts(summary, is_plan=is_plan),
        "needed": needed,
        "groups": [
            _group(problem, count, summary.kept_out) for problem, count in summary.problems.most_common()
        ],
        "are_all_reasons_kept": sum(kept.rows for kept in summary.kept_out) == needed,
        "accepted": formats.counted(summary.accepted, "row"),
        "record": _record(summary),
        "go": _go(summary),
        "create": _create(summary),
        "booked": formats.exact_money(summary.booked_micros, summary.currency),
        "then": list(_then(summary, today)) if is_plan else [],
        "columns": [(name, role) for role, name in summary.columns],
        "first_rows": [_row(row, summary.currency) for row in summary.first_rows],
        "has_hours": any(row.hour is not None for row in summary.first_rows),
        "has_lines": any(row.line for row in summary.first_rows),
        "days": [
            {
                "day": formats.day(day),
                "rows": f"{totals.rows:,}",
                "read": formats.exact_money(totals.read_micros, summary.currency),
                "booked": formats.exact_money(totals.booked_micros, summary.currency),
            }
            for day, totals in days
        ],
        "days_shown": DAYS_SHOWN,
        "read": formats.exact_money(summary.read_micros, summary.currency),
        "notes": [in_the_forms_words(note) for note in summary.notes],
        "left_out_rows": summary.left_out_rows,
        "rest": _rest(summary),
    }


def _parts(summary: ImportSummary, *, is_plan: bool) -> list[dict[str, Any]]:
    booked = formats.exact_money(summary.booked_micros, summary.currency)
    parts = [
        ("✓", "run", "To record" if is_plan else "Recorded", summary.accepted, booked),
        ("=", "off", "Already recorded", summary.duplicates, "not counted again"),
        (
            "□",
            "limit",
            "To quarantine" if is_plan else "Quarantined",
            summary.quarantined,
            "kept, not counted until you decide",
        ),
        ("!", "act", "Conflicts", summary.conflicts, "would count twice; kept for you, not counted"),
    ]
    drawn = _proportions([count for *_, count, _ in parts])
    return [
        {
            "sign": cells.shape(sign),
            "tone": tone,
            "name": name,
            "count": f"{count:,}",
            "is_none": not count,
            "sub": sub,
            "x": x,
            "width": width,
        }
        for (sign, tone, name, count, sub), (x, width) in zip(parts, drawn, strict=True)
    ]


def _proportions(counts: Sequence[int]) -> list[tuple[int, int]]:
    """Where each part begins and how wide it is, of BAR in all; none that is there is too narrow to be seen."""
    total, shown = sum(counts), sum(1 for count in counts if count)
    room = BAR - GAP * max(shown - 1, 0)
    widths = [max(NARROWEST, count * room // total) if count else 0 for count in counts]
    if shown:
        widths[widths.index(max(widths))] += room - sum(widths)
    drawn, x = [], 0
    for width in widths:
        drawn.append((x, width))
        x += width + GAP if width else 0
    return drawn


def _group(problem: Problem, count: int, kept_out: Sequence[KeptOut]) -> dict[str, Any]:
    found = [kept for kept in kept_out if kept.problem == problem]
    return {
        "head": f"{formats.counted(count, 'row')}: {problem.value}",
        "remedy": REMEDIES[problem],
        "rows": [
            {"row": f"{kept.row:,}", "rows": f"{kept.rows:,}", "reason": plain(kept.reason)}
            for kept in found[:ROWS_SHOWN]
        ],
        "are_several": any(kept.rows > 1 for kept in found[:ROWS_SHOWN]),
        "more": len(found) - ROWS_SHOWN if len(found) > ROWS_SHOWN else 0,
    }


def _then(summary: ImportSummary, today: date) -> Iterator[tuple[SafeString, str, str, str]]:
    """What recording does: sign, tone, the point, and what is beside it."""
    if not summary.accepted:
        yield (
            cells.shape("="),
            "off",
            "Nothing is counted.",
            "What the file says is recorded already, or needs you.",
        )
    yield from consequences_of(summary.changes)
    if not summary.changes_are_known:
        yield (
            cells.shape("!"),
            "limit",
            "Which campaigns pause or resume cannot be told beforehand.",
            "The file holds too many campaigns and days.",
        )
    elif summary.accepted and not any(change.from_status != change.to_status for change in summary.changes):
        yield cells.shape("="), "off", "No campaign changes its status.", ""
    over = {day: totals for day, totals in summary.days.items() if day < today and totals.booked_micros}
    if over:
        total = formats.exact_money(sum(totals.booked_micros for totals in over.values()), summary.currency)
        yield (
            cells.shape("…"),
            "off",
            f"{total} counts for days that are over ({_range(sorted(over))}).",
            _where_it_counts(over, today),
        )
    if summary.campaigns_created:
        yield (
            cells.shape("▶"),
            "run",
            f"{formats.counted(summary.campaigns_created, 'campaign')} will be created,",
            "switched on, under the platform’s names.",
        )


def _where_it_counts(days: Iterable[date], today: date) -> str:
    months = sorted({month_start(day) for day in days})
    told = [f"{month:%b %Y}" for month in months]
    span = told[0] if len(told) == 1 else f"{told[0]} to {told[-1]}"
    goes_on = f"; {told[-1]} is not over" if months[-1] == month_start(today) else ""
    return f"It counts for {span} and for whole flights. A day or month that is over pauses nobody{goes_on}."


def consequences_of(changes: Sequence[Change]) -> Iterator[tuple[SafeString, str, str, str]]:
    """The campaigns that would change their status, by what they become and why: sign, tone, the point, who."""
    groups: defaultdict[tuple[Status, Reason | None], list[str]] = defaultdict(list)
    for change in changes:
        if change.from_status != change.to_status:
            groups[change.to_status, change.reasons[0] if change.reasons else None].append(change.campaign)
    words = {Status.ACTIVE: ("resumes", "resume"), Status.PAUSED: ("pauses", "pause")}
    for (status, reason), names in sorted(groups.items(), key=lambda each: each[0][0] == Status.ACTIVE):
        one, many = words.get(status, ("stops", "stop"))
        look = formats.look(status, () if reason is None else (reason,))
        why = f"{reason.words}: " if reason else ""
        more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
        yield (
            cells.shape(look.shape),
            look.tone,
            f"{formats.counted(len(names), 'campaign')} {one if len(names) == 1 else many}.",
            f"{why}{', '.join(names[:NAMES_SHOWN])}{more}",
        )


def _row(row: ParsedRow, currency: str) -> dict[str, str]:
    return {
        "row": f"{row.row:,}",
        "day": formats.day(row.day),
        "hour": "" if row.hour is None else f"{row.hour:02}:00",
        "campaign": row.campaign_name or row.campaign_id or formats.NOTHING_KNOWN,
        "campaign_id": row.campaign_id if row.campaign_name else "",
        "line": row.line,
        "amount": cells.money_as_said(row.amount_micros, row.currency or currency),
    }


def _range(days: Sequence[date]) -> str:
    if not days:
        return ""
    first, last = min(days), max(days)
    if first == last:
        return formats.day(first)
    return f"{first.day} {first:%b %Y} to {last.day} {last:%b %Y}"


def _go(summary: ImportSummary) -> str:
    """What the button does that goes on with a checked file."""
    kept = summary.quarantined + summary.conflicts
    if kept and not summary.accepted:
        return f"Put {formats.counted(kept, 'row')} into quarantine"
    return _record(summary)


def _record(summary: ImportSummary) -> str:
    return f"Record {formats.counted(summary.accepted, 'row')}"


def _create(summary: ImportSummary) -> str:
    """What the button does that has the campaigns created which the brand does not have; '' where it has all."""
    rows = summary.problems[Problem.UNKNOWN_CAMPAIGN]
    if not rows:
        return ""
    found = [kept for kept in summary.kept_out if kept.problem == Problem.UNKNOWN_CAMPAIGN]
    campaigns = "this campaign" if len(found) == 1 else f"these {len(found):,} campaigns"
    if sum(kept.rows for kept in found) != rows:  # there are more than are kept
        campaigns = "these campaigns"
    return f"Create {campaigns} and record {formats.counted(summary.accepted + rows, 'row')}"


def created(record: SpendImport) -> dict[str, Any]:
    """The campaigns that it created and that are not archived: how many, how many are on, and the list of them."""
    is_on = list(campaigns_created(record.pk).filter(archived_at=None).values_list("enabled", flat=True))
    url = cells.list_url(Campaign, f"import={record.pk}")
    return {"url": url, "count": len(is_on), "on": sum(is_on)} if is_on else {}


def _rest(summary: ImportSummary) -> str:
    """What does not come into the ledger, for the line beside the button."""
    rest = [
        f"{summary.quarantined:,} to the quarantine" if summary.quarantined else "",
        f"{formats.counted(summary.conflicts, 'conflict')} kept for you" if summary.conflicts else "",
        f"{summary.duplicates:,} already recorded" if summary.duplicates else "",
    ]
    return ", ".join(part for part in rest if part)


def _links(record: SpendImport) -> dict[str, Any]:
    kept = record.quarantined_spend.order_by().values_list("state").annotate(rows=Count("pk"))
    waiting: dict[str, int] = dict(kept)
    of_import = f"import={record.pk}"
    return {
        "ledger_url": cells.list_url(SpendLog, of_import),
        "quarantine_url": cells.list_url(QuarantinedSpend, f"{of_import}&state=all"),
        "kept": sum(waiting.values()),
        "open": waiting.get(QuarantineState.OPEN, 0),
    }


def _verb(rows: int) -> str:
    return f"{formats.counted(rows, 'row')} {'is' if rows == 1 else 'are'}"

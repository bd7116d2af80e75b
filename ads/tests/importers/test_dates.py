"""Dates count for the day that is written; what leaves it open is decided by the whole file or refused."""

from datetime import date

import pytest

from ads.importers.dates import Order, read_moment
from ads.tests.importers.files import COLUMNS, Files, parse, refusal

pytestmark = pytest.mark.unit

MAY_31 = date(2026, 5, 31)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("2026-05-31", None),
        (" 2026-05-31 ", None),
        ("2026/5/31", None),
        ("2026.05.31", None),
        ("20260531", None),
        ("May 31, 2026", None),
        ("Sun, May 31, 2026", None),
        ("31 May 2026", None),
        ("31-May-26", None),
        ("2026-05-31 00:00:00", 0),
        ("2026-05-31T13:00:00.000-07:00", 780),
        ("2026-05-31T23:59:59Z", 1439),
        ("2026-05-31 5:00", 300),
        ("2026-05-31 12:00 AM", 0),
        ("2026-05-31 1:00:00 pm", 780),
        ("2026-05-31 00:00:00 UTC", 0),
        ("2026-05-31 00:00:00+00", 0),
    ],
)
def test_a_date_that_leaves_nothing_open(text: str, minutes: int | None) -> None:
    assert read_moment(text, None) == (MAY_31, minutes)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("31/05/2026", Order.DAY_FIRST),
        ("31.5.26", Order.DAY_FIRST),
        ("05/31/2026", Order.MONTH_FIRST),
        ("5-31-26", Order.MONTH_FIRST),
    ],
)
def test_a_date_in_the_order_of_its_file(text: str, order: Order) -> None:
    assert read_moment(text, order).day == MAY_31


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("yesterday", "“yesterday” is not a date; 2026-05-31 would be one"),
        ("46143", "“46143” is the number by which a spreadsheet counts days; format the column as a date"),
        ("2026-02-30", "“2026-02-30” is not in the calendar"),
        ("2026-05-31 25:00", "“2026-05-31 25:00” has no time of day that exists"),
        ("0000-00-00", "“0000-00-00” is not in the calendar"),
        ("=TODAY()", "“=TODAY()” is not a date; 2026-05-31 would be one"),
        ("9" * 200, f"“{'9' * 59}…” is not a date; 2026-05-31 would be one"),
    ],
)
def test_what_is_no_date_keeps_its_row_out(files: Files, text: str, reason: str) -> None:
    parsed = parse(files.dated("2026-05-30", text), columns=COLUMNS)

    assert parsed.days == ["2026-05-30"]
    assert parsed.reasons == [f"row 3: column “When”: {reason}"]


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        (["03/04/2026", "13/04/2026"], ["2026-04-03", "2026-04-13"]),
        (["03/04/2026", "04/13/2026"], ["2026-03-04", "2026-04-13"]),
        (["05/05/2026"], ["2026-05-05"]),
        (["03.04.2026"], ["2026-04-03"]),
        (["03.04.2026", "04.13.2026"], ["2026-03-04", "2026-04-13"]),
        (["2026-04-03", "05/05/2026"], ["2026-04-03", "2026-05-05"]),
    ],
)
def test_the_whole_file_decides_the_order(files: Files, dates: list[str], days: list[str]) -> None:
    assert parse(files.dated(*dates), columns=COLUMNS).days == days


def test_an_order_that_stays_open_is_refused(files: Files) -> None:
    path = files.dated("03/04/2026", "04/04/2026")

    assert refusal(path, columns=COLUMNS) == (
        "export.csv, column “When”: no date tells whether “03/04/2026” in row 2 has the day or the month first; "
        "export dates as 2026-05-31, add a day after the 12th, or say --date-order dmy or mdy"
    )
    assert parse(path, columns=COLUMNS, date_order=Order.DAY_FIRST).days == ["2026-04-03", "2026-04-04"]
    assert parse(path, columns=COLUMNS, date_order=Order.MONTH_FIRST).days == ["2026-03-04", "2026-04-04"]


def test_two_orders_in_one_file_are_refused(files: Files) -> None:
    assert refusal(files.dated("13/04/2026", "04/13/2026"), columns=COLUMNS) == (
        "export.csv, column “When”: dates are written in two ways: “13/04/2026” in row 2, “04/13/2026” in row 3"
    )


@pytest.mark.parametrize(
    "dates",
    [
        ["26-05-01", "26-05-20", "26-05-26"],
        ["26.05.20"],
        ["01/02/26", "01/03/26"],
    ],
)
def test_two_digits_that_may_be_the_year_at_either_end_are_refused(files: Files, dates: list[str]) -> None:
    path = files.dated(*dates)

    assert refusal(path, columns=COLUMNS) == (
        f"export.csv, column “When”: no date tells whether “{dates[0]}” in row 2 begins or ends with the year; export "
        "dates as 2026-05-31, or, if the year comes last, say --date-order dmy or mdy"
    )
    assert len(parse(path, columns=COLUMNS, date_order=Order.DAY_FIRST).rows) == len(dates)


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        (["30.04.26", "01.05.26"], ["2026-04-30", "2026-05-01"]),
        (["31.12.25", "01.01.26", "02.01.26"], ["2025-12-31", "2026-01-01", "2026-01-02"]),
        (["5/13/26"], ["2026-05-13"]),
    ],
)
def test_of_two_digits_those_that_differ_less_are_the_year(
    files: Files, dates: list[str], days: list[str]
) -> None:
    assert parse(files.dated(*dates), columns=COLUMNS).days == days


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("46143", "“46143” is the number by which a spreadsheet counts days; format the column as a date"),
        ("Summer", "“Summer” is not a date; 2026-05-31 would be one"),
    ],
)
def test_a_column_without_any_date_refuses_the_file(files: Files, text: str, says: str) -> None:
    assert refusal(files.dated(text, "", text), columns=COLUMNS) == (
        f"export.csv, row 2, column “When”: no row has a date that can be read: {says}"
    )


@pytest.mark.parametrize(
    "span",
    [
        "2026-05-01 - 2026-05-31",
        "2026-05-01 to 2026-05-07",
        "May 2026",
        "2026-05",
        "2026-W18",
        "Q2 2026",
        "2026",
    ],
)
def test_a_row_that_covers_more_than_a_day_refuses_the_file(files: Files, span: str) -> None:
    assert refusal(files.dated("2026-05-01", span), columns=COLUMNS) == (
        f"export.csv, row 3, column “When”: “{span}” covers more than one day, but each row must be one day. "
        "Give one row for each campaign and day."
    )


def test_times_that_are_no_full_hours_are_events_and_refused(files: Files) -> None:
    assert refusal(files.dated("2026-05-01 13:00", "2026-05-01 13:45"), columns=COLUMNS) == (
        "export.csv, row 3, column “When”: “2026-05-01 13:45” is no full hour; these look like single events, not "
        "totals of a day or an hour"
    )


def test_an_hourly_file_is_hourly_in_every_row(files: Files) -> None:
    parsed = parse(files.dated("2026-05-01 00:00", "2026-05-01 13:00", "2026-05-01"), columns=COLUMNS)

    assert [row.hour for row in parsed.rows] == [0, 13]
    assert parsed.reasons == ["row 4: column “When”: “2026-05-01” lacks the hour"]


def test_a_time_of_day_in_a_daily_export_keeps_the_row_out(files: Files) -> None:
    parsed = parse(files.meta("2026-05-01T00:00:00,1,1.00", "2026-05-02T07:00:00Z,1,2.00"))

    assert parsed.days == ["2026-05-01"]
    assert "has a time of day" in parsed.reasons[0]


@pytest.mark.parametrize("hour", ["5", "05", "5:00", "05:00:00", "5.0"])
def test_an_hour_as_programs_write_it(files: Files, hour: str) -> None:
    header = "segments.date,segments.hour,campaign.id,metrics.cost_micros"

    assert parse(files.lines(header, f"2026-05-01,{hour},1,5")).rows[0].hour == 5


@pytest.mark.parametrize("hour", ["24", "x", "", "1.5", "24.0", "5.00:00"])
def test_an_hour_that_is_none_keeps_the_row_out(files: Files, hour: str) -> None:
    header = "segments.date,segments.hour,campaign.id,metrics.cost_micros"
    parsed = parse(files.lines(header, f"2026-05-01,{hour},1,5", "2026-05-01,23,1,5"))

    assert [row.hour for row in parsed.rows] == [23]
    assert parsed.reasons == [f"row 2: column “segments.hour”: “{hour}” is not an hour; 0 to 23 would be"]

"""The same rows come out of every kind of file."""

import gzip
import json
from datetime import date, datetime
from pathlib import Path

import pytest

from ads.tests.importers.files import COLUMNS, MAIN, Files, parse, raw_xlsx, refusal, xlsx

pytestmark = pytest.mark.unit

MAY_2 = datetime(2026, 5, 2)  # noqa: DTZ001 - a spreadsheet knows no zones
HEADER = "date_start,campaign_id,campaign_name,spend"
ROWS = ("2026-05-01,11,Café ☕,12.50", '2026-05-02,12,"Two, with a comma",0.07')
LATIN = ("2026-05-01,11,Café,12.50", '2026-05-02,12,"Two, with a comma",0.07')
TEXT = "\n".join([HEADER, *ROWS, ""])


def is_read(path: Path, first: str = "Café ☕") -> bool:
    parsed = parse(path)
    names = [row.campaign_name for row in parsed.rows]
    return (names, parsed.amounts, parsed.bad) == ([first, "Two, with a comma"], ["12.50", "0.07"], [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_unicode_encoding_with_and_without_a_mark(files: Files, encoding: str) -> None:
    text = TEXT if encoding in ("utf-8", "utf-8-sig", "utf-16") else "\n".join([HEADER, *LATIN, ""])

    assert is_read(files.write(text, encoding=encoding), "Café ☕" if "☕" in text else "Café")


def test_utf_16_with_its_mark_in_either_order(files: Files) -> None:
    for encoding, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        assert is_read(files.write(mark + TEXT.encode(encoding)))


def test_latin_1_is_read_and_said(files: Files) -> None:
    path = files.write("\n".join([HEADER, *LATIN, ""]), encoding="latin-1")

    assert is_read(path, "Café")
    assert parse(path).notes == ["It is not UTF-8 and was read as Latin-1 (Windows-1252)."]


def test_a_euro_sign_of_windows_is_read(files: Files) -> None:
    path = files.write("When;Paid\n31/05/2026;12,50 €\n", encoding="cp1252")

    assert parse(path, columns=COLUMNS).rows[0].currency == "EUR"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end(files: Files, end: str) -> None:
    assert is_read(files.write(TEXT.replace("\n", end)))
    assert is_read(files.write(TEXT.strip().replace("\n", end)))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter(files: Files, delimiter: str) -> None:
    first, second = (
        ["2026-05-01", "11", "Café ☕", "12.50"],
        ["2026-05-02", "12", '"Two, with a comma"', "0.07"],
    )

    assert is_read(files.lines(*(delimiter.join(row) for row in (HEADER.split(","), first, second))))


def test_gzip(files: Files) -> None:
    assert is_read(files.write(gzip.compress(TEXT.encode()), "export.csv.gz"))
    assert is_read(files.write(gzip.compress(TEXT.encode("utf-16")), "export"))


def test_ndjson_nested_and_flat(files: Files) -> None:
    flat = [
        {"date_start": "2026-05-01", "campaign_id": 11, "campaign_name": "Café ☕", "spend": 12.5},
        {
            "spend": 0.070,
            "date_start": "2026-05-02",
            "campaign_id": "12",
            "campaign_name": "Two, with a comma",
        },
    ]
    lines = [json.dumps(row, ensure_ascii=False) for row in flat]

    assert is_read(files.lines(lines[0], "", lines[1], name="rows.ndjson"))
    assert is_read(files.write(gzip.compress("\n".join(lines).encode()), "rows.ndjson.gz"))


def test_ndjson_numbers_are_taken_as_they_are_written(files: Files) -> None:
    path = files.write(
        '{"When": "2026-05-01", "Paid": 1.234}\n{"When": "2026-05-02", "Paid": 123456789.123456}\n',
        "rows.ndjson",
    )

    assert parse(path, columns=COLUMNS).amounts == ["1.234", "123456789.123456"]


def test_ndjson_bad_lines_are_bad_rows(files: Files) -> None:
    good = '{"date_start": "2026-05-01", "campaign_id": "1", "spend": "2.00"}'
    parsed = parse(files.lines(good, '{"date_start": ', "[1]", "{" * 50, good, name="rows.ndjson"))

    assert [row.row for row in parsed.rows] == [1, 5]
    assert parsed.reasons == [
        'row 2: “{"date_start":” is not JSON',
        "row 3: “[1]” is no JSON object",
        f"row 4: “{'{' * 50}” is not JSON",
    ]


def test_a_json_array_says_what_to_export(files: Files) -> None:
    assert refusal(files.write("[{}]", "rows.json")) == (
        "rows.json: is one JSON array; export NDJSON, one object a line"
    )


def test_ndjson_keys_that_come_late_are_columns_too(files: Files) -> None:
    row = {"date_start": "2026-05-01", "campaign_id": "1", "spend": "1.00"}
    late = {**row, "account_currency": "EUR", "ad_id": "7"}
    parsed = parse(files.lines(*[json.dumps(row)] * 1_200, json.dumps(late), name="rows.ndjson"))

    assert [(each.currency, each.line) for each in (parsed.rows[0], parsed.rows[-1])] == [
        (None, "ad="),
        ("EUR", "ad=7"),
    ]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('{"date_start": "2026-05-01", "campaign_id": "1", "spend": "1", "spend": "2"}', "spend"),
        ('{"date_start": "2026-05-01", "spend": 1, "campaign.id": 1, "campaign": {"id": 2}}', "campaign.id"),
    ],
)
def test_ndjson_that_says_something_twice_is_not_guessed(files: Files, line: str, key: str) -> None:
    good = '{"date_start": "2026-05-01", "campaign_id": "1", "spend": "2.00"}'
    (bad,) = parse(files.lines(good, line, name="rows.ndjson")).bad

    assert (bad.row, bad.reason.rpartition("…” ")[2]) == (2, f"has the key “{key}” twice")
    assert "rows.ndjson, row 1: " in refusal(files.lines(line, name="rows.ndjson"))


def test_ndjson_two_numbers_in_a_list_are_no_amount(files: Files) -> None:
    good = '{"date_start": "2026-05-01", "campaign_id": "1", "spend": "2.50"}'
    listed = '{"date_start": "2026-05-01", "campaign_id": "1", "spend": [1, 250]}'

    assert parse(files.lines(good, listed, name="rows.ndjson")).reasons == [
        "row 2: column “spend”: “1, 250” is not an amount; 12.50 would be one"
    ]


@pytest.mark.parametrize(
    ("header", "column", "how"),
    [
        ("date_start,campaign_id,Campaign ID,spend", "campaign_id", "appears twice"),
        ("Day,Campaign name,Campaign_Name,Amount spent (USD)", "Campaign name", "appears twice"),
        ("Day,Campaign name,Ad ID,Ad ID,Amount spent (USD)", "Ad ID", "appears twice"),
        (
            "Day,Campaign name,Amount spent (USD),Amount spent (EUR)",
            "Amount spent (USD)",
            "appears twice, or in two currencies",
        ),
    ],
)
def test_of_two_columns_that_say_the_same_none_is_guessed(
    files: Files, header: str, column: str, how: str
) -> None:
    assert refusal(files.lines(header, "2026-05-01,1,2,3,4")) == (
        f"export.csv, row 1, column “{column}”: {how}; leave one out"
    )


def test_xlsx_with_dates_numbers_and_ids(tmp_path: Path) -> None:
    path = xlsx(
        tmp_path / "export.xlsx",
        [
            ["Campaign report"],
            ["Day", "Campaign", "Campaign ID", "Currency code", "Cost"],
            [date(2026, 5, 1), "Café ☕", "120214224688600622", "USD", 12.5],
            [MAY_2, "Two, with a comma", "12", "USD", 1.234],
            [],
            ["2026-05-03", "Three", 13.0, "USD", 0.1 + 0.2],
            ["2026-05-04", "Four", 14, "USD", 0],
            ["Total: Account", None, None, "USD", 14.034],
        ],
    )
    parsed = parse(path)

    assert parsed.platform == "google_ads"
    assert parsed.amounts == ["12.50", "1.234", "0.30", "0.00"]
    assert parsed.days == ["2026-05-01", "2026-05-02", "2026-05-03", "2026-05-04"]
    assert [row.campaign_id for row in parsed.rows] == ["120214224688600622", "12", "13", "14"]
    assert [row.campaign_name for row in parsed.rows] == ["Café ☕", "Two, with a comma", "Three", "Four"]
    assert [row.row for row in parsed.rows] == [3, 4, 6, 7]
    assert (parsed.bad, parsed.left_out) == ([], [8])


def test_xlsx_hours(tmp_path: Path) -> None:
    at_13 = MAY_2.replace(hour=13)
    rows: list[list[object]] = [["STAT_TIME_HOUR", "CAMPAIGN_ID", "SPEND"], [at_13, 1, 2.5]]

    (row,) = parse(xlsx(tmp_path / "export.xlsx", rows)).rows
    assert (row.day, row.hour, row.amount_micros) == (date(2026, 5, 2), 13, 2_500_000)


def test_xlsx_in_a_later_sheet(tmp_path: Path) -> None:
    import openpyxl

    path = xlsx(tmp_path / "export.xlsx", [["A cover sheet"], ["with", "words"]], title="Cover")
    book = openpyxl.load_workbook(path)
    sheet = book.create_sheet("Data")
    for line in TEXT.splitlines()[:2]:
        sheet.append(line.split(","))
    book.save(path)

    assert parse(path).amounts == ["12.50"]


@pytest.mark.parametrize("second", ["visible", "hidden"])
def test_xlsx_with_an_export_on_two_sheets_is_refused(tmp_path: Path, second: str) -> None:
    import openpyxl

    path = xlsx(
        tmp_path / "export.xlsx", [line.split(",")[:4] for line in TEXT.splitlines()[:2]], title="May"
    )
    book = openpyxl.load_workbook(path)
    other = book.create_sheet("June")
    other.append(HEADER.split(","))
    book.save(path)
    assert parse(path).amounts == ["12.50"]

    other.append(["2026-06-01", "11", "Café", "1.00"])
    other.sheet_state = second
    book.save(path)
    assert refusal(path) == (
        "export.xlsx: has an export on each of the sheets “May” and “June”; save the one that counts as a file of its "
        "own"
    )


def test_xlsx_formulas_that_nothing_has_worked_out_are_no_empty_cells(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["date_start", "campaign_id", "ad_id", "spend"],
        ["2026-05-01", "1", "7", "=1+1"],
        ["2026-05-01", "1", "=A1", 2],
        ["2026-05-01", "1", "8", 3],
    ]
    parsed = parse(xlsx(tmp_path / "export.xlsx", rows))

    assert parsed.reasons == [
        "row 2: column “spend”: “=1+1” is a formula; export values",
        "row 3: column “ad_id”: “=A1” is a formula; export values",
    ]
    worked_out = "<row>{}</row><row>{}</row>".format(
        "".join(f"<c t='str'><v>{name}</v></c>" for name in ("date_start", "campaign_id", "ad_id", "spend")),
        "<c t='str'><v>2026-05-01</v></c><c><f>1</f><v>1</v></c><c t='str'><f>A9</f><v></v></c><c><v>3</v></c>",
    )
    (row,) = parse(raw_xlsx(tmp_path / "export.xlsx", worked_out)).rows
    assert (row.campaign_id, row.line) == ("1", "")


def test_xlsx_written_in_one_go_has_its_texts_in_the_cells(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for line in TEXT.splitlines()[:2]:
        sheet.append(line.split(","))
    book.save(tmp_path / "export.xlsx")

    assert parse(tmp_path / "export.xlsx").rows[0].campaign_name == "Café ☕"


def test_xlsx_as_excel_writes_it_with_shared_texts(tmp_path: Path) -> None:
    strings = (
        "<si><t>date_start</t></si><si><t>campaign_id</t></si><si><t>campaign_name</t></si><si><t>spend</t></si>"
        "<si><r><rPr><b/></rPr><t>Caf</t></r><r><t xml:space='preserve'>é ☕</t></r></si>"
        "<si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh></si>"
    )
    rows = (
        '<row r="2" spans="1:4"><c r="A2" t="s"><v>0</v></c><c r="B2" t="s"><v>1</v></c><c r="C2" t="s"><v>2</v></c>'
        '<c r="D2" t="s"><v>3</v></c></row>'
        '<row r="3"><c r="A3" s="1"><v>46143</v></c><c r="B3"><v>120214224688600622</v></c>'
        '<c r="C3" t="s"><v>4</v></c><c r="D3" s="2"><f>A1</f><v>12.340000000000002</v></c></row>'
        '<row r="5"><c r="A5" s="1"><v>46144</v></c><c r="B5"><v>12</v></c><c r="C5" t="s"><v>5</v></c>'
        '<c r="D5" s="2"><v>1E-2</v></c></row>'
        '<row r="6"><c r="A6" t="d"><v>2026-05-03</v></c><c r="B6"><v>12</v></c><c r="D6" t="e"><v>#N/A</v></c></row>'
    )
    formats = ["[$-409]d\\-mmm\\-yy;@", "[$$-409]#,##0.00 &quot;days&quot;"]
    parsed = parse(raw_xlsx(tmp_path / "export.xlsx", rows, strings=strings, formats=formats))

    assert [(row.row, row.day, row.campaign_id, row.campaign_name) for row in parsed.rows] == [
        (3, date(2026, 5, 1), "120214224688600622", "Café ☕"),
        (5, date(2026, 5, 2), "12", "東京"),
    ]
    assert parsed.amounts == ["12.34", "0.01"]
    assert parsed.reasons == ["row 6: column “spend”: “#N/A” is not an amount; 12.50 would be one"]


def test_xlsx_whose_tags_have_a_prefix_and_whose_cells_have_no_place(tmp_path: Path) -> None:
    rows = [HEADER.split(","), ["2026-05-01", "11", "", "12.50"]]
    cells = "".join(
        "<x:row>" + "".join(f"<x:c t='str'><x:v>{value}</x:v></x:c>" for value in row) + "</x:row>"
        for row in rows
    ).replace("<x:c t='str'><x:v></x:v></x:c>", "<x:c/>")
    sheet = (
        f"<x:worksheet {MAIN.replace('xmlns', 'xmlns:x')}><x:sheetData>{cells}</x:sheetData></x:worksheet>"
    )

    assert parse(raw_xlsx(tmp_path / "export.xlsx", "", sheet=sheet)).amounts == ["12.50"]


def test_xlsx_of_the_old_macintosh_counts_days_from_1904(tmp_path: Path) -> None:
    import openpyxl
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    assert book.active is not None
    book.active.append(["date_start", "campaign_id", "spend"])
    book.active.append([date(2026, 5, 1), "1", 2])
    book.save(tmp_path / "export.xlsx")

    assert parse(tmp_path / "export.xlsx").days == ["2026-05-01"]


def test_an_id_that_a_spreadsheet_has_rounded_is_refused(tmp_path: Path, files: Files) -> None:
    rows: list[list[object]] = [
        ["date_start", "campaign_id", "spend"],
        ["2026-05-01", 1.2021422468860062e17, 1],
    ]
    rounded = parse(xlsx(tmp_path / "export.xlsx", rows))
    as_text = parse(files.meta("2026-05-01,1.20214E+17,1", '2026-05-01,"1,20214E+17",1', "2026-05-01,99.0,1"))

    reason = (
        "row 2: column “campaign_id”: “1.20214224688601E+17” is an id that a spreadsheet has rounded; import the "
        "platform's file as it was downloaded"
    )
    assert rounded.reasons == [reason]
    assert len(as_text.bad) == 2
    assert as_text.rows[0].campaign_id == "99"


@pytest.mark.parametrize("written", ['="00120"', "'00120", '" 00120 "', '"=""00120"""'])
def test_an_id_that_was_guarded_from_spreadsheets_is_itself(files: Files, written: str) -> None:
    assert parse(files.meta(f"2026-05-01,{written},1")).rows[0].campaign_id == "00120"


def test_blank_lines_are_nothing(files: Files) -> None:
    parsed = parse(files.lines("", HEADER, "", ROWS[0], ",,,", "  ", ROWS[1], "", ""))

    assert ([row.row for row in parsed.rows], parsed.bad, parsed.left_out) == ([4, 7], [], [])


def test_rows_that_do_not_fit_the_header_are_kept_out(files: Files) -> None:
    parsed = parse(
        files.meta(
            "2026-05-01,1,12,50,x",
            "2026-05-02,1,2.00,x,",
            "2026-05-03,1,3.00",
            "2026-05-04,1",
            header="date_start,campaign_id,spend,note",
        )
    )

    assert parsed.amounts == ["2.00"]
    assert parsed.reasons == [
        "row 2: has 5 cells under a header of 4: a value that holds the delimiter needs quotation marks",
        "row 4: ends after 3 of 4 cells; the file may have been cut off",
        "row 5: ends after 2 of 4 cells; the file may have been cut off",
    ]


def test_rows_without_a_campaign_are_kept_out(files: Files) -> None:
    parsed = parse(files.lines("stat_time_day,campaign_id,spend", "2026-05-01,,5.00", "2026-05-01,1,6.00"))

    assert parsed.amounts == ["6.00"]
    assert parsed.reasons == ["row 2: column “campaign_id”: names no campaign"]


def test_a_value_over_several_lines_is_one_value(files: Files) -> None:
    parsed = parse(files.lines(HEADER, '2026-05-01,1,"over\ntwo lines",1.00', ROWS[0]))

    assert [row.campaign_name for row in parsed.rows] == ["over two lines", "Café ☕"]
    assert [row.row for row in parsed.rows] == [2, 3]


@pytest.mark.parametrize(
    "rows",
    [
        ['2026-05-02,2,"open,2.00', "2026-05-03,3,C,3.00", '2026-05-04,4,"D",4.00'],
        ['2026-05-02,2,"open,2.00', '2026-05-04,4,"D",4.00'],
    ],
)
def test_rows_that_an_open_quotation_mark_takes_in_are_told(files: Files, rows: list[str]) -> None:
    parsed = parse(files.lines(HEADER, "2026-05-01,1,A,1.00", *rows, "2026-05-05,5,E,5.00"))

    assert parsed.amounts == ["1.00", "5.00"]
    (bad,) = parsed.bad
    assert (bad.row, bad.reason.rpartition("” ")[2]) == (
        3,
        "holds the rows that follow: a quotation mark is opened and not closed",
    )
    assert all(row.split(",")[0] in bad.cells[0][1] for row in rows)


def test_so_are_those_to_the_end_of_the_file(files: Files) -> None:
    header = "date_start,campaign_id,spend,campaign_name"
    parsed = parse(files.lines(header, "2026-05-01,1,1.00,A", '2026-05-02,2,2.00,"B', "2026-05-03,3,3.00,C"))

    assert parsed.amounts == ["1.00"]
    assert parsed.reasons[0].endswith("a quotation mark is opened and not closed")


def test_a_file_can_be_read_again_and_again(files: Files) -> None:
    from ads.importers import Options, open_table, understand

    with open_table(files.write(TEXT)) as table:
        export = understand(table, Options())
        assert list(export.rows()) == list(export.rows())

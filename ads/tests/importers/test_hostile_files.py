"""Hostile files get a sentence that names file, row and column, and never the memory of the machine."""

import csv
import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ads.importers import ImportRefused
from ads.tests.importers.files import MAIN, Files, parse, raw_xlsx, refusal

pytestmark = pytest.mark.unit

MEGABYTE = 1 << 20
HEADER = "date_start,campaign_id,campaign_name,spend"
GOOD = "2026-05-01,1,Name,1.00"


@contextmanager
def at_most(megabytes: int) -> Iterator[None]:
    """Fails where Python's memory goes higher inside."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < megabytes * MEGABYTE


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "export.xlsx"


def test_a_cell_of_ten_megabytes(files: Files) -> None:
    path = files.lines(HEADER, GOOD, f"2026-05-01,1,{'x' * 10 * MEGABYTE},1.00", GOOD)

    with at_most(40):
        assert refusal(path) == (
            f"export.csv, row 3, column 3: “{'x' * 59}…” is longer than 131,072 characters; perhaps a quotation mark "
            "is opened and not closed"
        )


def test_a_quotation_mark_that_is_never_closed(files: Files) -> None:
    path = files.write("\n".join([HEADER, GOOD, '2026-05-01,1,"open,1.00', *[GOOD] * 200_000]))

    with at_most(20):
        assert refusal(path).startswith("export.csv, row 3, column 3: “open,1.00")


def test_thousands_of_different_long_cells(files: Files) -> None:
    long = ("".join(f"{n:07}" for n in range(17_000)))[:118_000]
    rows = [f"{n}{long},{n}{long},{n}{long},{n}{long}" for n in range(25)]
    path = files.write(gzip.compress("\n".join([HEADER, *rows, GOOD]).encode()))
    del rows

    with at_most(8):
        parsed = parse(path)
    assert (len(parsed.bad), parsed.amounts) == (25, ["1.00"])


def test_a_row_of_millions_of_short_cells(files: Files) -> None:
    with at_most(300):
        assert "row 2" in refusal(files.write(f"{HEADER}\n" + "1," * 5 * MEGABYTE))
        assert "row 2" in refusal(files.write(f"{HEADER}\n" + '"\n",' * 3 * MEGABYTE))


def test_ten_megabytes_in_a_line_of_ndjson(files: Files) -> None:
    path = files.write('{"a": 1}\n{"a": "' + "x" * 10 * MEGABYTE + '"}\n', "rows.ndjson")

    with at_most(40):
        assert refusal(path).startswith('rows.ndjson, row 2: “{"a": "xxx')


def test_json_nested_a_hundred_thousand_deep(files: Files) -> None:
    good = '{"date_start": "2026-05-01", "campaign_id": "1", "spend": "2.00"}'
    parsed = parse(files.lines(good, '{"a":' * 100_000 + "1" + "}" * 100_000, name="rows.ndjson"))

    assert parsed.amounts == ["2.00"]
    assert parsed.reasons[0].endswith("is nested too deeply")


@pytest.mark.parametrize(
    "amount", ["NaN", "inf", "-Infinity", "1e400", "=1+1", '"=HYPERLINK(""x"")"', "@x", "0x10", "1;2"]
)
def test_what_is_no_amount_is_kept_out_and_the_rest_goes_in(files: Files, amount: str) -> None:
    parsed = parse(files.lines(HEADER, f"2026-05-01,1,Name,{amount}", GOOD))

    assert parsed.amounts == ["1.00"]
    assert parsed.reasons[0].startswith("row 2: column “spend”: “")


def test_a_formula_is_no_name_and_no_id(files: Files) -> None:
    parsed = parse(
        files.lines(HEADER, "2026-05-01,=1+1,Name,1.00", "2026-05-01,1,\"=cmd|' /C calc'!A0\",1.00")
    )

    assert parsed.rows == []
    assert parsed.reasons == [
        "row 2: column “campaign_id”: “=1+1” is a formula; export values",
        "row 3: column “campaign_name”: “=cmd|' /C calc'!A0” is a formula; export values",
    ]


def test_names_may_begin_like_formulas_where_people_name_them_so(files: Files) -> None:
    parsed = parse(files.lines(HEADER, "2026-05-01,1,- Retargeting,1.00", "2026-05-01,2,@brand,1.00"))

    assert [row.campaign_name for row in parsed.rows] == ["- Retargeting", "@brand"]


def test_a_year_far_away_is_a_date_and_the_door_decides(files: Files) -> None:
    assert parse(files.lines(HEADER, "2099-01-01,1,Name,1.00")).days == ["2099-01-01"]


def test_control_characters_are_shown_as_a_mark(files: Files) -> None:
    parsed = parse(files.lines(HEADER, "2026-05-01,1,Name,\x1b[31m1\x07"))

    assert parsed.reasons == ["row 2: column “spend”: “�[31m1�” is not an amount; 12.50 would be one"]


def test_what_is_no_text(files: Files) -> None:
    shift_jis = f"{HEADER}\n{GOOD}\n2026-05-01,1,".encode() + "広告の結果".encode("shift_jis") + b",1.00\n"

    no_text = "export.csv: is no text, so not a table; export CSV or XLSX"
    assert refusal(files.write(b"\x8f\x00\x81 program \xff")) == no_text
    assert "NUL" in refusal(files.write(f"{HEADER}\n{GOOD}\n\0\1\2".encode() * 200))
    assert refusal(files.write(shift_jis)) == (
        "export.csv, row 3: is neither UTF-8 nor Latin-1 (Windows-1252); save it as UTF-8"
    )
    assert "is not the UTF-16 it begins as" in refusal(
        files.write(b"\xff\xfe" + "a,b".encode("utf-16-le") + b"x")
    )
    assert "is empty" in refusal(files.write(b""))
    assert "is no export that is known" in refusal(files.write(b"\n\n\n"))


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"%PDF-1.7", "is a PDF"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is a picture, not a table; export CSV or XLSX"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "is a picture, not a table"),
        (b"GIF89a", "is a picture, not a table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel file"),
        (b"BZh91AY", "bzip2"),
        (b"PAR1....", "Parquet"),
    ],
)
def test_other_kinds_of_files_are_named(files: Files, start: bytes, words: str) -> None:
    assert words in refusal(files.write(start + b"\0" * 100))


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.csv") == "none.csv: cannot be read: No such file or directory"
    assert "cannot be read" in refusal(tmp_path)


def test_gzip_that_was_cut_off_or_damaged(files: Files) -> None:
    packed = gzip.compress("\n".join([HEADER, *[GOOD] * 1_000]).encode())
    damaged = bytearray(packed)
    damaged[-6] ^= 0xFF

    assert (
        refusal(files.write(packed[:-20])) == "export.csv: ends too early: it was cut off; download it again"
    )
    assert "is damaged" in refusal(files.write(bytes(damaged)))
    assert "ends too early" in refusal(files.write(packed[:12]))


def test_gzip_within_gzip(files: Files) -> None:
    assert "holds another packed file" in refusal(files.write(gzip.compress(gzip.compress(b"x"))))


def test_a_gzip_bomb_stops_at_once(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ads.importers.text.LARGEST_UNPACKED", 20 * MEGABYTE)
    zeros = gzip.compress(b"\0" * 50 * MEGABYTE)
    blanks = gzip.compress(b"\n" * 50 * MEGABYTE)

    with at_most(20):
        assert "NUL" in refusal(files.write(zeros))
        assert "unpacks to more than 20,971,520 bytes" in refusal(files.write(blanks))


def test_a_zip_bomb_as_xlsx(sheet: Path) -> None:
    rows = "<row><c><v>1</v></c></row>" * 4 * MEGABYTE
    raw_xlsx(sheet, rows)
    assert sheet.stat().st_size < MEGABYTE

    with at_most(20):
        assert "that is no export but a zip bomb" in refusal(sheet)


def test_a_zip_bomb_that_lies_about_its_size(sheet: Path) -> None:
    raw_xlsx(sheet, "<row><c><v>1</v></c></row>" * MEGABYTE)
    with zipfile.ZipFile(sheet) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    sheet.write_bytes(sheet.read_bytes().replace(size.to_bytes(4, "little"), (1_000).to_bytes(4, "little")))

    with at_most(20):
        assert "cannot be read as XLSX" in refusal(sheet)


def test_entities_that_multiply(sheet: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    row = "<row><c t='inlineStr'><is><t>&b;</t></is></c></row>"
    raw_xlsx(sheet, "", sheet=f"{bomb}<worksheet {MAIN}><sheetData>{row}</sheetData></worksheet>")

    assert "declares entities; no spreadsheet does" in refusal(sheet)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("<row r='2000000'><c><v>1</v></c></row>", "a row 2000000 after row 0"),
        ("<row r='5'/><row r='5'/>", "a row 5 after row 5"),
        ("<row><c r='ZZZZ1'><v>1</v></c></row>", "a column ZZZZ"),
        ("<row><c r='!1'><v>1</v></c></row>", "a column !"),
        (f"<row>{'<c/>' * 16_385}</row>", "has a row of more than 16,384 cells"),
        ("<row><c t='s'><v>99</v></c></row>", "refers to a text 99 that it does not hold"),
        ("<a>" * 100, "nested too deeply"),
        ("<row><c><v>1</v></row>", "cannot be read as XLSX"),
    ],
)
def test_sheets_that_no_spreadsheet_writes(sheet: Path, rows: str, words: str) -> None:
    assert words in refusal(raw_xlsx(sheet, rows))


def test_ten_megabytes_in_a_cell_of_a_sheet_or_of_its_shared_texts(
    sheet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ads.importers.spreadsheets.MOST_PACKED", 100_000)
    long = "x" * 10 * MEGABYTE
    words = f"export.xlsx, row 2, column 3: “{'x' * 59}…” is longer than 131,072 characters"
    rows = "<row><c><v>1</v></c></row><row><c r='C2' t='inlineStr'><is><t>{}</t></is></c></row>"
    with at_most(60):
        assert refusal(raw_xlsx(sheet, rows.format(long))) == words

    raw_xlsx(sheet, "<row/><row><c r='C2' t='s'><v>0</v></c></row>", strings=f"<si><t>{long}</t></si>")
    with at_most(20):
        assert refusal(sheet) == words


def test_a_tag_that_does_not_end(sheet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ads.importers.spreadsheets.MOST_PACKED", 100_000)
    raw_xlsx(sheet, f"<row spans='{'1' * 20 * MEGABYTE}'/>")

    with at_most(40):
        assert "holds a tag that does not end" in refusal(sheet)


def test_xlsx_that_is_damaged_or_something_else(files: Files, sheet: Path) -> None:
    whole = raw_xlsx(sheet, "").read_bytes()

    assert "cannot be read as XLSX" in refusal(files.write(whole[: len(whole) // 2]))
    assert "cannot be read as XLSX" in refusal(files.write(b"PK\x03\x04 and no more"))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as other:
        other.writestr("export.csv", HEADER)
    assert "is a ZIP archive but no XLSX" in refusal(files.write(archive.getvalue()))


def test_memory_stays_flat_however_long_a_file_is(files: Files) -> None:
    def peak(rows: int) -> int:
        body = (f"2026-05-{n % 28 + 1:02},{n % 50},Name {n % 50},{n}.{n % 100:02}" for n in range(rows))
        path = files.lines(HEADER, *body)
        from ads.importers import Options, open_table, understand

        tracemalloc.start()
        with open_table(path) as table:
            assert sum(1 for _ in understand(table, Options()).rows()) == rows
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(100)  # what is loaded and remembered once
    assert peak(60_000) <= 1.3 * peak(6_000) + 20 * MEGABYTE


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    seed=st.sampled_from(["csv", "gz", "ndjson", "xlsx", "utf-16"]),
    cuts=st.lists(st.tuples(st.integers(0, 5_000), st.binary(max_size=8)), max_size=6),
    end=st.integers(0, 5_000),
)
def test_whatever_happened_to_a_file_it_is_read_or_refused(
    tmp_path: Path, seed: str, cuts: list[tuple[int, bytes]], end: int
) -> None:
    path = tmp_path / "export"
    content = bytearray(_whole(seed, path))
    for at, replacement in cuts:
        at %= len(content)
        content[at : at + len(replacement)] = replacement
    path.write_bytes(content if end % 2 else content[: end % (len(content) + 1)])
    try:
        parsed = parse(path)
    except ImportRefused:
        return
    assert all(isinstance(row.amount_micros, int) for row in parsed.rows)


def _whole(seed: str, path: Path) -> bytes:
    text = "\n".join(
        [HEADER, *(f'2026-05-{day:02},{day},"Name, {day}",{day}.50' for day in range(1, 20)), ""]
    )
    record = '{"date_start": "2026-05-01", "campaign_id": 7, "spend": 2.5, "nested": {"a": [1, 2]}}\n'
    strings = "<si><t>spend</t></si>"
    header = "".join(f"<c t='str'><v>{name}</v></c>" for name in ("date_start", "campaign_id"))
    row = "<row><c s='1'><v>46143</v></c><c><v>7</v></c><c><v>2.50</v></c></row>" * 5
    if seed == "xlsx":
        rows = f"<row>{header}<c t='s'><v>0</v></c></row>{row}"
        return raw_xlsx(path, rows, strings=strings, formats=["yyyy-mm-dd"]).read_bytes()
    return {
        "csv": text.encode(),
        "gz": gzip.compress(text.encode()),
        "ndjson": record.encode() * 20,
        "utf-16": text.encode("utf-16"),
    }[seed]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    cells=st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12)), max_size=8)
)
def test_any_text_in_any_cell_is_a_row_a_bad_row_or_a_refusal(
    tmp_path: Path, cells: list[tuple[str, str, str]]
) -> None:
    path = tmp_path / "export.csv"
    with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.writer(file)
        writer.writerow(["date_start", "campaign_id", "spend"])
        writer.writerows([*cells, ("2026-05-01", "1", "1.00")])
    try:
        parsed = parse(path)
    except ImportRefused:
        return
    assert "1.00" in parsed.amounts

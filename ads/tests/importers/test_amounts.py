"""Amounts come out exactly as they are written, or not at all."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ads.importers.amounts import AmountReader, may_be
from ads.rules.money import MAX_MICROS, to_micros
from ads.tests.importers.files import COLUMNS, Files, parse, refusal

pytestmark = pytest.mark.unit

POINT, COMMA, MICROS = AmountReader("."), AmountReader(","), AmountReader(".", in_micros=True)


@pytest.mark.parametrize(
    ("text", "micros", "currency"),
    [
        ("0", 0, None),
        ("0.0", 0, None),
        ("144.", 144_000_000, None),
        (".5", 500_000, None),
        ("12.50", 12_500_000, None),
        ("  12.50 ", 12_500_000, None),
        ("0.000001", 1, None),
        ("12.5000000000", 12_500_000, None),
        ("1,234,567.89", 1_234_567_890_000, None),
        ("1,234", 1_234_000_000, None),
        ("12,34,567.5", 1_234_567_500_000, None),
        ("1 234.50", 1_234_500_000, None),
        ("1\u00a0234.50", 1_234_500_000, None),
        ("1\u202f234.50", 1_234_500_000, None),
        ("1'234'567.50", 1_234_567_500_000, None),
        ("1.5e3", 1_500_000_000, None),
        ("1E-5", 10, None),
        ("$1,234.50", 1_234_500_000, "$"),
        ("US$12", 12_000_000, "USD"),
        ("R$ 12.50", 12_500_000, "BRL"),
        ("12.50 €", 12_500_000, "EUR"),
        ("EUR 12.50", 12_500_000, "EUR"),
        ("12.50USD", 12_500_000, "USD"),
        ("$12.50 USD", 12_500_000, "USD"),
        ("-12.50", -12_500_000, None),
        ("-$12.50", -12_500_000, "$"),
        ("$-12.50", -12_500_000, "$"),
        ("\u221212.50", -12_500_000, None),
        ("(12.50)", -12_500_000, None),
        ("12.50-", -12_500_000, None),
        ("+12.50", 12_500_000, None),
    ],
)
def test_an_amount_with_a_decimal_point(text: str, micros: int, currency: str | None) -> None:
    assert POINT.read(text) == (micros, currency)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("12,50", 12_500_000),
        ("1.234,56", 1_234_560_000),
        ("1.234", 1_234_000_000),
        ("1 234,56 €", 1_234_560_000),
        ("1.234.567", 1_234_567_000_000),
        ("0,002", 2_000),
    ],
)
def test_an_amount_with_a_decimal_comma(text: str, micros: int) -> None:
    assert COMMA.read(text)[0] == micros


@pytest.mark.parametrize(
    ("text", "micros"),
    [("36150000", 36_150_000), ("3.615e7", 36_150_000), ("-5", -5), ("36,150,000", 36_150_000)],
)
def test_a_number_of_micros(text: str, micros: int) -> None:
    assert MICROS.read(text) == (micros, None)


@pytest.mark.parametrize(
    ("reader", "text", "reason"),
    [
        (POINT, "", "is empty; a day without spend is written 0"),
        (POINT, "abc", "“abc” is not an amount; 12.50 would be one"),
        (POINT, "--", "“--” is not an amount; 12.50 would be one"),
        (POINT, "NaN", "“NaN” is not an amount; 12.50 would be one"),
        (POINT, "inf", "“inf” is not an amount; 12.50 would be one"),
        (POINT, "1_000", "“1_000” is not an amount; 12.50 would be one"),
        (POINT, "١٢", "“١٢” is not an amount; 12.50 would be one"),
        (POINT, "1,23", "“1,23” is not an amount; 12.50 would be one"),
        (POINT, "1 23", "“1 23” is not an amount; 12.50 would be one"),
        (POINT, "1.2.3", "“1.2.3” is not an amount; 12.50 would be one"),
        (POINT, "-(5)", "“-(5)” is not an amount; 12.50 would be one"),
        (POINT, "€5 USD", "“€5 USD” is not an amount; 12.50 would be one"),
        (POINT, "5%", "“5%” is not an amount; 12.50 would be one"),
        (COMMA, "1.23", "“1.23” is not an amount; 12,50 would be one"),
        (POINT, "=1+1", "“=1+1” is a formula; export values"),
        (POINT, "@SUM(A1)", "“@SUM(A1)” is a formula; export values"),
        (POINT, "1e400", "“1e400” is out of range; at most 100000000000 is possible"),
        (
            POINT,
            "1e999999999999999999999",
            "“1e999999999999999999999” is out of range; at most 100000000000 is possible",
        ),
        (POINT, "9" * 40, f"“{'9' * 40}” is out of range; at most 100000000000 is possible"),
        (
            POINT,
            "0.0000001",
            "“0.0000001” has more than 6 decimals; micros, such as 0.000001, are the finest that is counted",
        ),
        (MICROS, "1.5", "“1.5” has a fraction, but this column counts whole micros"),
        (MICROS, "1e400", "“1e400” is out of range; at most 100000000000 is possible"),
        (POINT, "x" * 1_000, f"“{'x' * 59}…” is not an amount; 12.50 would be one"),
    ],
)
def test_what_is_no_amount_says_why(reader: AmountReader, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        reader.read(text)


@given(st.integers(-MAX_MICROS, MAX_MICROS))
def test_micros_survive_being_written_and_read(micros: int) -> None:
    amount = Decimal(micros).scaleb(-6)

    assert POINT.read(f"{amount:f}")[0] == micros
    assert COMMA.read(f"{amount:f}".replace(".", ","))[0] == micros
    assert POINT.read(f"{amount:,f}")[0] == micros
    assert MICROS.read(str(micros))[0] == micros


@given(st.text(max_size=30))
def test_any_text_is_an_amount_as_the_core_has_it_or_none(text: str) -> None:
    try:
        micros, currency = POINT.read(text)
    except ValueError:
        return
    bare = text.strip()
    if currency is None and bare.isascii() and not set(bare) & set(" ,'()"):
        assert micros == to_micros(bare.removesuffix("-")) * (-1 if bare.endswith("-") else 1)


@pytest.mark.parametrize(
    ("amounts", "read"),
    [
        (["1,234", "12.50"], ["1234.00", "12.50"]),
        (["1,234", "12,5"], ["1.234", "12.50"]),
        (["1.234", "12,50"], ["1234.00", "12.50"]),
        (["1.234", "1.234.567"], ["1234.00", "1234567.00"]),
        (["1.234", "0.5"], ["1.234", "0.50"]),
        (["0.123"], ["0.123"]),
        (["1234"], ["1234.00"]),
    ],
)
def test_the_whole_column_decides_what_a_mark_is(files: Files, amounts: list[str], read: list[str]) -> None:
    assert parse(files.written(*amounts), columns=COLUMNS).amounts == read


def test_evidence_at_the_very_end_of_a_long_file_counts(files: Files) -> None:
    path = files.written("1,234")
    with path.open("a") as file:
        file.writelines(f"2026-05-02;{number},{number % 900 + 100}\n" for number in range(1, 900))
        file.write("2026-05-03;0.5\n")

    assert parse(path, columns=COLUMNS).amounts[0] == "1234.00"


@pytest.mark.parametrize("amount", ["1,234", "1.234"])
def test_a_mark_that_stays_open_is_refused(files: Files, amount: str) -> None:
    path = files.written(amount, "5")

    assert refusal(path, columns=COLUMNS) == (
        f"export.csv, column “Paid”: no amount tells whether “{amount}” in row 2 has thousands or decimals after its "
        "mark; export amounts with two decimals, or say --decimal-mark . or ,"
    )
    assert parse(path, columns=COLUMNS, decimal_mark=amount[1]).amounts == ["1.234", "5.00"]


def test_a_platforms_own_export_has_a_decimal_point(files: Files) -> None:
    assert parse(files.meta("2026-05-01,1,1.234")).amounts == ["1.234"]
    assert "thousands or decimals" in refusal(files.meta('2026-05-01,1,"1,234"'))
    assert parse(files.meta('2026-05-01,1,"12,34"')).amounts == ["12.34"]


def test_other_columns_of_money_may_tell(files: Files) -> None:
    path = files.lines("When;Paid;CTR;Version", "2026-05-01;1,234;4.25%;1,5")

    assert parse(path, columns=COLUMNS).amounts == ["1234.00"]


def test_two_ways_of_writing_are_refused(files: Files) -> None:
    assert refusal(files.written("12,50", "3", "12.50"), columns=COLUMNS) == (
        "export.csv, column “Paid”: amounts are written in two ways: “12,50” in row 2, “12.50” in row 4"
    )


def test_what_is_no_amount_at_all_is_no_evidence(files: Files) -> None:
    parsed = parse(files.written("12,50", "1.2.3.4", "abc."), columns=COLUMNS)

    assert (parsed.amounts, len(parsed.bad)) == (["12.50"], 2)


@pytest.mark.parametrize(
    ("currency", "home", "possible"),
    [
        ("USD", "USD", True),
        ("USD", "EUR", False),
        ("$", "CAD", True),
        ("$", "EUR", False),
        ("¥", "JPY", True),
        ("kr", "SEK", True),
        ("not USD", "USD", False),
        ("not USD", "EUR", True),
    ],
)
def test_what_currency_a_file_may_be_in(currency: str, home: str, possible: bool) -> None:
    assert may_be(currency, home) is possible


def test_a_sign_beside_the_amount_must_agree_with_the_column(files: Files) -> None:
    header = "date_start,campaign_id,spend,account_currency"
    rows = (
        "2026-05-01,1,$1.00,CAD",
        "2026-05-02,1,€1.00,USD",
        "2026-05-03,1,1.00,dollars",
        "2026-05-04,1,€2.00,",
    )
    parsed = parse(files.meta(*rows, header=header))

    assert [(row.row, row.currency) for row in parsed.rows] == [(2, "CAD"), (5, "EUR")]
    assert parsed.reasons == [
        "row 3: the amount is in EUR, but the file says USD",
        "row 4: column “account_currency”: “dollars” is no currency; USD would be one",
    ]

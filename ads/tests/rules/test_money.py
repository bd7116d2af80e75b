"""Money goes in and out exactly, or not at all."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ads.rules.money import MAX_MICROS, MoneyError, by_percent, from_micros, round_for_display, to_micros

pytestmark = pytest.mark.unit

any_micros = st.integers(min_value=-MAX_MICROS, max_value=MAX_MICROS)


@pytest.mark.parametrize(
    ("amount", "micros"),
    [
        (Decimal("50.00"), 50_000_000),
        (Decimal("0.10"), 100_000),
        (Decimal("0.004"), 4_000),
        (Decimal("0.000001"), 1),
        (Decimal("-12.345678"), -12_345_678),
        (Decimal("1.50000000"), 1_500_000),
        (Decimal("1." + "0" * 80), 1_000_000),
        (Decimal("1E+3"), 1_000_000_000),
        (Decimal("-0.00"), 0),
        (Decimal("0E+999999"), 0),
        (7, 7_000_000),
        (0, 0),
        ("100.50", 100_500_000),
        (" -3 ", -3_000_000),
        ("+.5", 500_000),
        ("5.", 5_000_000),
        ("1e2", 100_000_000),
        ("99999999999.999999", 99_999_999_999_999_999),
    ],
)
def test_an_amount_becomes_exactly_its_micros(amount: Decimal | int | str, micros: int) -> None:
    result = to_micros(amount)
    assert result == micros
    assert type(result) is int


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (50_000_000, "50.00"),
        (0, "0.00"),
        (4_000, "0.004"),
        (1, "0.000001"),
        (100_000, "0.10"),
        (120_000, "0.12"),
        (125_000, "0.125"),
        (-12_345_678, "-12.345678"),
        (10**17, "100000000000.00"),
        (10**17 + 1, "100000000000.000001"),
        (10**24 + 10, "1000000000000000000.00001"),
    ],
)
def test_micros_become_a_decimal_of_two_decimals_or_as_many_more_as_it_needs(micros: int, text: str) -> None:
    assert str(from_micros(micros)) == text


@settings(deadline=None)
@given(any_micros)
def test_micros_survive_the_way_out_and_back(micros: int) -> None:
    assert to_micros(from_micros(micros)) == micros
    assert to_micros(str(from_micros(micros))) == micros


@settings(deadline=None)
@given(st.decimals(min_value=-(10**11), max_value=10**11, places=6))
def test_an_amount_survives_the_way_in_and_back(amount: Decimal) -> None:
    assert from_micros(to_micros(amount)) == amount


@settings(deadline=None)
@given(st.decimals() | st.decimals(allow_nan=False, allow_infinity=False, places=7) | st.integers())
def test_whatever_is_taken_is_taken_exactly_and_the_rest_is_refused(amount: Decimal | int) -> None:
    try:
        micros = to_micros(amount)
    except MoneyError:
        return
    assert abs(micros) <= MAX_MICROS
    with localcontext(prec=100):
        assert Decimal(micros) == Decimal(amount) * 1_000_000


@settings(deadline=None)
@given(st.from_regex(r"-?[0-9]{1,13}(\.[0-9]{0,8})?", fullmatch=True))
@example("-0.5")
@example("-00.000001")
@example("99999999999.999999")
@example("100000000000")
@example("100000000000.000001")
def test_a_text_of_digits_is_taken_as_its_decimal_is(text: str) -> None:
    assert taken(text) == taken(Decimal(text))


def taken(amount: Decimal | str) -> int | None:
    try:
        return to_micros(amount)
    except MoneyError:
        return None


@settings(deadline=None)
@given(st.floats())
def test_every_float_is_refused(amount: float) -> None:
    with pytest.raises(MoneyError, match=r"amount: .* is a float; give a Decimal"):
        to_micros(amount)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("amount", "problem"),
    [
        pytest.param(True, "is a bool", id="bool"),
        pytest.param(None, "is a NoneType", id="none"),
        pytest.param(b"1", "is a bytes", id="bytes"),
        pytest.param(Decimal("NaN"), "is not a number", id="nan"),
        pytest.param(Decimal("sNaN"), "is not a number", id="signalling nan"),
        pytest.param(Decimal("Infinity"), "is not a number", id="infinity"),
        pytest.param(Decimal("-Infinity"), "is not a number", id="minus infinity"),
        pytest.param("NaN", "is not an amount", id="nan as text"),
        pytest.param("Infinity", "is not an amount", id="infinity as text"),
        pytest.param("", "is not an amount", id="empty"),
        pytest.param(" ", "is not an amount", id="blank"),
        pytest.param("1,50", "is not an amount", id="decimal comma"),
        pytest.param("1_000", "is not an amount", id="underscore"),
        pytest.param("$5", "is not an amount", id="currency sign"),
        pytest.param("٣", "is not an amount", id="digit of another script"),
        pytest.param("0x10", "is not an amount", id="hexadecimal"),
        pytest.param("1\n2", "is not an amount", id="two lines"),
        pytest.param("1e400", "is out of range", id="1e400 as text"),
        pytest.param(Decimal("1e400"), "is out of range", id="1e400"),
        pytest.param(Decimal("-1E+999999"), "is out of range", id="an exponent that would fill the memory"),
        pytest.param("1e99999999999999999999", "is out of range", id="an exponent beyond Decimal"),
        pytest.param(10**400, "is out of range", id="int of 400 digits"),
        pytest.param(10**5000, "is out of range", id="int of 5000 digits"),
        pytest.param(Decimal("123456789012345678901234.567890"), "is out of range", id="30 digits"),
        pytest.param(Decimal("0.0000001"), "has more than 6 decimals", id="7 decimals"),
        pytest.param("1.2345678", "has more than 6 decimals", id="7 decimals as text"),
        pytest.param(
            Decimal("1.00000000000000000000000000001"), "has more than 6 decimals", id="30 decimals"
        ),
        pytest.param(Decimal("1e-400"), "has more than 6 decimals", id="1e-400"),
        pytest.param(Decimal("1e-999999"), "has more than 6 decimals", id="smallest exponent"),
    ],
)
def test_case_19_what_is_no_exact_amount_is_refused_with_the_field_named(
    amount: object, problem: str
) -> None:
    with pytest.raises(MoneyError) as caught:
        to_micros(amount, field="daily_budget")  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith("daily_budget: ")
    assert problem in message
    assert "give" in message
    assert len(message) < 200


def test_case_19_the_message_shows_the_value_and_what_would_be_right() -> None:
    with pytest.raises(MoneyError) as caught:
        to_micros("12.3456789", field="row 7, spend")
    assert (
        str(caught.value)
        == "row 7, spend: '12.3456789' has more than 6 decimals; give at most 6, such as 0.000001."
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_case_19_the_largest_amount_is_taken_and_one_micro_more_is_not(sign: int) -> None:
    assert to_micros(Decimal(sign * 10**11)) == sign * MAX_MICROS
    with pytest.raises(MoneyError, match="out of range"):
        to_micros(sign * Decimal("100000000000.000001"))
    with pytest.raises(MoneyError, match="out of range"):
        to_micros(sign * (10**11 + 1))


@pytest.mark.parametrize("micros", [1.0, True, Decimal(1), "1"])
def test_only_an_integer_is_read_as_micros(micros: object) -> None:
    with pytest.raises(MoneyError, match=r"micros: .* give an integer"):
        from_micros(micros)  # type: ignore[arg-type]


def test_the_decimal_context_of_whoever_calls_changes_nothing() -> None:
    with localcontext(prec=3):
        assert to_micros(Decimal("99999999999.999999")) == 99_999_999_999_999_999
        assert str(from_micros(99_999_999_999_999_999)) == "99999999999.999999"
        assert str(round_for_display(123_456_785_000, 2)) == "123456.78"
        with pytest.raises(MoneyError, match="out of range"):
            to_micros(Decimal("100000000000.000001"))


def test_ten_times_ten_cents_reach_a_budget_of_one() -> None:
    assert sum(to_micros(Decimal("0.1")) for _ in range(10)) == to_micros(Decimal("1.00"))


def test_fractions_of_a_cent_are_kept() -> None:
    assert from_micros(2 * to_micros(Decimal("0.004"))) == Decimal("0.008")


@pytest.mark.parametrize(
    ("micros", "minor_units", "text"),
    [
        (5_000, 2, "0.00"),
        (15_000, 2, "0.02"),
        (25_000, 2, "0.02"),
        (25_001, 2, "0.03"),
        (-15_000, 2, "-0.02"),
        (-1, 2, "0.00"),
        (69_506_170_000, 2, "69506.17"),
        (2_500_000, 0, "2"),
        (3_500_000, 0, "4"),
        (1_234_500, 3, "1.234"),
        (1_000_000, 2, "1.00"),
        (123, 8, "0.00012300"),
    ],
)
def test_display_rounds_half_even_by_the_minor_unit_and_never_shows_minus_zero(
    micros: int, minor_units: int, text: str
) -> None:
    assert str(round_for_display(micros, minor_units)) == text


def test_a_negative_number_of_decimals_is_refused() -> None:
    with pytest.raises(ValueError, match="minor_units -1 is negative"):
        round_for_display(1, -1)


@pytest.mark.parametrize(
    ("micros", "percent", "minor_units", "expected"),
    [
        (100_000_000, "10", 2, 110_000_000),
        (100_000_000, "-5", 2, 95_000_000),
        (50_000, "10", 2, 60_000),  # 0.055 of a dollar
        (50_000, "30", 2, 60_000),  # 0.065
        (150_000, "-10", 2, 140_000),  # 0.135
        (5_000_000, "10", 0, 6_000_000),  # 5.5 yen
        (5_000_000, "30", 0, 6_000_000),  # 6.5 yen
        (5_000, "10", 3, 6_000),  # 0.0055 of a dinar
        (1_000_000, "33.333", 2, 1_330_000),
        (123_456_789_012_345_678 // 10, "0.01", 2, 12_346_913_469_120_000),
        (1_000_000, "-100", 2, 0),
        (0, "1000", 2, 0),
    ],
)
def test_a_percentage_is_taken_exactly_and_rounded_once_half_even(
    micros: int, percent: str, minor_units: int, expected: int
) -> None:
    assert by_percent(micros, Decimal(percent), minor_units) == expected


def test_a_percentage_that_leads_out_of_range_is_refused() -> None:
    with pytest.raises(MoneyError, match=r"daily: '100010000000.00' is out of range"):
        by_percent(MAX_MICROS, Decimal("0.01"), 2, field="daily")

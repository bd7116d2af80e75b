"""Fields in which people give amounts and moments."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from ads.forms import AmountField, EndTimeField, WallClockField, on_the_clock_of
from ads.rules.periods import Calendar, ZoneSpan

pytestmark = pytest.mark.unit


def problem(field: AmountField, given: str) -> str:
    with pytest.raises(ValidationError) as caught:
        field.clean(given)
    return str(caught.value.messages[0])


@pytest.mark.parametrize(
    ("given", "amount"),
    [
        ("12.50", Decimal("12.50")),
        (" 7 ", Decimal(7)),
        ("0.000001", Decimal("0.000001")),
        ("0", Decimal(0)),
        ("", None),
    ],
)
def test_amounts_are_taken_exactly(given: str, amount: Decimal | None) -> None:
    assert AmountField(required=False).clean(given) == amount


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("NaN", "'NaN' is not an amount; give digits with a decimal point, such as 12.50."),
        ("Infinity", "'Infinity' is not an amount; give digits with a decimal point, such as 12.50."),
        ("1,23,4", "'1,23,4' is not an amount; give digits with a decimal point, such as 12.50."),
        ("$5", "“$5” names a currency; give the number alone."),
        ("0.0000001", "'0.0000001' has more than 6 decimals; give at most 6, such as 0.000001."),
        ("1e30", "'1e30' is out of range; give at most 100,000,000,000."),
        ("-5", "-5 is negative; give 0 or more."),
    ],
)
def test_what_cannot_be_an_amount_is_refused_in_words(given: str, told: str) -> None:
    assert problem(AmountField(), given) == told


@pytest.mark.parametrize(
    ("given", "amount"),
    [
        ("1,300", "1300.00"),
        ("$1,300.00", "1300.00"),
        ("1,300.00 USD", "1300.00"),
        ("US$ 1,517,230.36", "1517230.36"),
        ("1300.500", "1300.50"),
        ("0.300", "0.30"),
    ],
)
def test_a_budget_is_written_as_pages_write_it(given: str, amount: str) -> None:
    assert str(AmountField(currency="USD").clean(given)) == amount


@pytest.mark.parametrize(
    ("currency", "given", "told"),
    [
        ("USD", "1.300", "“1.300” may mean 1,300 or 1.30; write the one that you mean."),
        ("JPY", "1.300", "“1.300” may mean 1,300 or 1; write the one that you mean."),
        (
            "USD",
            "1,30",
            "“1,30” is not clear: thousands are parted by a comma, as in 1,300, decimals by a point, as in 1.30.",
        ),
        ("USD", "1300.555", "“1300.555” has more decimals than USD; give at most 2, such as 1,300.56."),
        ("USD", "0.000002", "“0.000002” has more decimals than USD; give at most 2, such as 0.01."),
        ("JPY", "12.5", "“12.5” has more decimals than JPY; give none, such as 12."),
        ("USD", "€5", "“€5” is not in USD, in which the brand’s budgets are."),
    ],
)
def test_a_budget_that_is_not_clear_is_refused_with_what_would_be_right(
    currency: str, given: str, told: str
) -> None:
    assert problem(AmountField(currency=currency), given) == told


def test_three_decimals_are_clear_where_the_currency_has_them() -> None:
    assert AmountField(currency="KWD").clean("1.300") == Decimal("1.3")


def test_a_budget_finer_than_its_currency_may_stay_as_it_is() -> None:
    field = AmountField(currency="USD", present=Decimal("1300.555"))
    assert field.clean("1300.555") == Decimal("1300.555")
    assert not field.has_changed(Decimal("1300.555"), "1,300.555")
    assert "more decimals" in problem(field, "1300.556")


def test_an_amount_may_be_negative_where_the_field_says_so() -> None:
    assert AmountField(can_be_negative=True).clean("-5.25") == Decimal("-5.25")


def test_the_same_amount_written_otherwise_is_no_change() -> None:
    field = AmountField(required=False)
    assert not field.has_changed(Decimal("50.00"), "50")
    assert not field.has_changed(None, "")
    assert field.has_changed(Decimal("50.00"), "50.01")
    assert field.has_changed(None, "0")
    assert field.has_changed(Decimal(1), "abc")
    assert field.prepare_value(Decimal("1E+2")) == "100"


def test_24_00_is_the_midnight_that_ends_the_day() -> None:
    assert EndTimeField().clean("24:00") == time(0)
    assert EndTimeField().clean("17:30") == time(17, 30)
    with pytest.raises(ValidationError):
        EndTimeField().clean("25:00")


def test_a_date_needs_its_time_and_a_time_its_date() -> None:
    field = WallClockField(required=False)
    assert field.clean(["2026-03-10", "14:05"]) == datetime(2026, 3, 10, 14, 5)  # noqa: DTZ001 - a wall clock's
    assert field.clean(["", ""]) is None
    for given in (["2026-03-10", ""], ["", "14:05"]):
        with pytest.raises(ValidationError):
            field.clean(given)


class TestWallClock:
    def test_it_is_read_where_the_brand_is(self) -> None:
        wall = datetime(2026, 3, 10, 14, 5)  # noqa: DTZ001
        assert on_the_clock_of(Calendar.fixed("Asia/Tokyo"), wall) == datetime(2026, 3, 10, 5, 5, tzinfo=UTC)

    def test_an_hour_that_occurs_twice_is_its_first(self) -> None:
        wall = datetime(2026, 10, 25, 2, 30)  # noqa: DTZ001
        assert on_the_clock_of(Calendar.fixed("Europe/Berlin"), wall) == datetime(
            2026, 10, 25, 0, 30, tzinfo=UTC
        )

    def test_an_hour_that_does_not_exist_is_refused(self) -> None:
        wall = datetime(2026, 3, 29, 2, 30)  # noqa: DTZ001
        with pytest.raises(ValidationError, match="2026-03-29 02:30 does not exist in Europe/Berlin"):
            on_the_clock_of(Calendar.fixed("Europe/Berlin"), wall)

    def test_the_zone_in_force_then_is_the_one_that_counts(self) -> None:
        moved = Calendar(
            (
                ZoneSpan(date.min, ZoneInfo("Europe/Berlin")),
                ZoneSpan(date(2026, 3, 1), ZoneInfo("Asia/Tokyo")),
            )
        )
        before, after = datetime(2026, 2, 10, 12), datetime(2026, 3, 10, 12)  # noqa: DTZ001
        assert on_the_clock_of(moved, before) == datetime(2026, 2, 10, 11, tzinfo=UTC)
        assert on_the_clock_of(moved, after) == datetime(2026, 3, 10, 3, tzinfo=UTC)

"""How money, statuses and moments read."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from ads import formats
from ads.rules.periods import Calendar
from ads.rules.serving import Reason, Status

pytestmark = pytest.mark.unit

BERLIN = Calendar.fixed("Europe/Berlin")
NOW = datetime(2026, 11, 18, 13, 5, tzinfo=UTC)  # 14:05 in Berlin


@pytest.mark.parametrize(
    ("micros", "currency", "shown"),
    [
        (1_234_500_000, "EUR", "€1,234.50"),
        (0, "USD", "$0.00"),
        (56_912_400_000, "JPY", "¥56,912"),
        (1_354_800_000, "KWD", "KWD\u00a01,354.800"),
        (99_995_000, "USD", "$100.00"),  # half to even
        (99_985_000, "USD", "$99.98"),
        (-24_150_000, "BRL", "-R$24.15"),
        (-4_000, "USD", "$0.00"),
        (99_990_000, "RSD", "RSD\u00a099.99"),  # ISO's two decimals, where the locale data has none
        (10**17, "NGN", "NGN\u00a0100,000,000,000.00"),
    ],
)
def test_money_is_grouped_and_rounded_to_its_currencys_minor_units(
    micros: int, currency: str, shown: str
) -> None:
    assert formats.money(micros, currency) == shown


@pytest.mark.parametrize(
    ("micros", "currency", "shown"),
    [
        (4_000, "USD", "$0.004"),
        (120_000_000, "JPY", "¥120"),
        (500_000, "JPY", "¥0.5"),
        (1, "EUR", "€0.000001"),
    ],
)
def test_exact_money_shows_every_decimal_it_has(micros: int, currency: str, shown: str) -> None:
    assert formats.exact_money(micros, currency) == shown


def test_what_is_left_and_what_is_over_are_said_in_words() -> None:
    assert formats.left_or_over(3_000_000, "EUR") == "€3.00 left"
    assert formats.left_or_over(0, "EUR") == "€0.00 left"
    assert formats.left_or_over(-18_400_000, "EUR") == "€18.40 over"
    assert formats.limit(None, "EUR") == "No limit set"
    assert formats.limit(0, "EUR") == "€0.00"


def test_only_what_is_reached_reads_100_per_cent() -> None:
    assert formats.percent_used(99_999_999, 100_000_000) == 99
    assert formats.percent_used(100_000_000, 100_000_000) == 100
    assert formats.percent_used(214_000_000, 100_000_000) == 214
    assert formats.percent_used(5, None) is None
    assert formats.percent_used(5, 0) is None


def test_a_bar_is_whole_per_cent_with_the_budget_at_80() -> None:
    assert formats.bar(50_000_000, 100_000_000) == formats.Bar(within=40, over=0)
    assert formats.bar(100_000_000, 100_000_000) == formats.Bar(within=80, over=0)
    assert formats.bar(100_000_001, 100_000_000) == formats.Bar(within=80, over=1)
    assert formats.bar(110_000_000, 100_000_000) == formats.Bar(within=80, over=8)
    assert formats.bar(900_000_000, 100_000_000) == formats.Bar(within=80, over=20)
    assert formats.bar(-5_000_000, 100_000_000) == formats.Bar(within=0, over=0)
    assert formats.bar(5, None) is None
    assert formats.bar(5, 0) is None


def test_a_status_has_a_shape_and_a_word_and_the_clocks_pause_a_calm_tone() -> None:
    assert [str(formats.look(status)) for status in Status] == [
        "▶ Running",
        "‖ Paused",
        "⊘ Off",
        "⚑ Completed",
    ]
    assert formats.look(Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,)).tone == "clock"
    assert formats.look(Status.PAUSED, (Reason.FLIGHT_NOT_STARTED, Reason.OUTSIDE_DAYPARTING)).tone == "clock"
    assert formats.look(Status.PAUSED, (Reason.BRAND_DAILY, Reason.OUTSIDE_DAYPARTING)).tone == "limit"


def test_moments_are_told_on_the_brands_clock() -> None:
    def told(text: str, *, seconds: bool = False) -> str:
        moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))
        return formats.moment(moment, BERLIN, NOW, seconds=seconds)

    assert told("2026-11-18 21:00") == "21:00 today"
    assert told("2026-11-19 07:00") == "07:00 tomorrow, Thu 19 Nov"
    assert told("2026-11-23 00:00") == "00:00, Mon 23 Nov"
    assert told("2027-01-01 00:00") == "00:00, Fri 1 Jan 2027"
    assert told("2026-11-18 11:42:07", seconds=True) == "11:42:07 today"
    assert formats.clock(NOW, BERLIN) == "14:05"
    assert formats.city(NOW, Calendar.fixed("America/Sao_Paulo")) == "Sao Paulo"
    assert formats.day(date(2026, 11, 8)) == "Sun 8 Nov 2026"
    assert formats.month(date(2026, 11, 1)) == "November 2026"


def test_numbers_agree_with_their_nouns() -> None:
    assert formats.counted(1, "campaign") == "1 campaign"
    assert formats.counted(1200, "campaign") == "1,200 campaigns"

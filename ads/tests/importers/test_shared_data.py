"""Files that nobody here made up come out as they must: total, days, identities."""

import csv
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ads.rules.money import from_micros
from ads.tests.importers.files import SHARED, Parsed, needs_shared_data, parse

pytestmark = [pytest.mark.unit, needs_shared_data]

CONNECTORS = SHARED / "connector_exports"
EXPORTS = [
    ("microsoft_ads_campaign_performance_daily_report_data.csv", "microsoft_ads", 2_630, "946.34"),
    ("google_ads_campaign_stats_data.csv", "google_ads", 16, "231.33"),
    ("google_ads_account_stats_data.csv", "google_ads", 19, "1632.333323"),
    ("facebook_ads_basic_ad_data.csv", "meta", 10, "643.63"),
    ("amazon_ads_campaign_level_report_data.csv", "amazon_ads", 10, "1.67"),
    ("linkedin_ad_analytics_by_campaign_data.csv", "linkedin", 20, "530.62"),
    ("tiktok_campaign_report_hourly_data.csv", "tiktok", 4, "444.792"),
    ("snapchat_campaign_hourly_report_data.csv", "snapchat", 10, "1.013488"),
    ("pinterest_campaign_report_data.csv", "pinterest", 5, "12.375"),
    ("twitter_campaign_report_data.csv", "x", 4, "138.535734"),
    ("apple_search_campaign_report_data.csv", "apple_search_ads", 12, "100.00"),
    ("reddit_ads_campaign_report_data.csv", "reddit", 79, "12970.777467"),
]
META = SHARED / "meta_daily_brl"


def by_day(parsed: Parsed) -> dict[date, Decimal]:
    days: defaultdict[date, int] = defaultdict(int)
    for row in parsed.rows:
        days[row.day] += row.amount_micros
    return {day: from_micros(micros) for day, micros in days.items()}


def expected(path: Path) -> dict[date, Decimal]:
    with path.open(newline="") as file:
        return {date.fromisoformat(row["date"]): Decimal(row["spend"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("name", "platform", "rows", "total"), EXPORTS, ids=[export[1] for export in EXPORTS]
)
def test_every_export_is_recognised_and_comes_out_at_its_total(
    name: str, platform: str, rows: int, total: str
) -> None:
    parsed = parse(CONNECTORS / name)

    assert (parsed.platform, len(parsed.rows), str(parsed.total)) == (platform, rows, total)
    assert parsed.bad == []
    assert parsed.left_out == []


@pytest.mark.parametrize("name", [export[0] for export in EXPORTS])
def test_no_two_rows_of_an_export_have_the_same_identity(name: str) -> None:
    rows = parse(CONNECTORS / name).rows

    assert len({(row.campaign_id, row.line, row.day, row.hour) for row in rows}) == len(rows)


def test_each_day_of_microsoft_and_google_comes_out_right() -> None:
    microsoft = parse(CONNECTORS / EXPORTS[0][0])
    google = parse(CONNECTORS / EXPORTS[1][0])

    assert by_day(microsoft) == expected(CONNECTORS / "expected_microsoft_daily_totals.csv")
    days = expected(CONNECTORS / "expected_google_ads_campaign_daily_totals.csv")
    assert {day: spend for day, spend in by_day(google).items() if spend or day in days} == days


def test_the_advertisers_file_comes_out_right_by_day_and_by_ad() -> None:
    parsed = parse(META / "ads_data.csv")

    assert (parsed.platform, len(parsed.rows), str(parsed.total)) == ("meta", 4_951, "69506.17")
    assert by_day(parsed) == expected(META / "expected_daily_totals.csv")
    assert len({row.campaign_id for row in parsed.rows}) == 36
    assert len({row.campaign_name for row in parsed.rows}) == 35
    assert sum(row.amount_micros == 0 for row in parsed.rows) == 381
    assert {row.line.partition("=")[0] for row in parsed.rows} == {"ad"}


def test_what_only_segments_tell_apart_has_a_line_of_its_segments() -> None:
    microsoft = parse(CONNECTORS / EXPORTS[0][0]).rows[0]
    x = parse(CONNECTORS / "twitter_campaign_report_data.csv").rows[0]

    assert microsoft.line == (
        "segment os+device+network+distribution+bid+match+top="
        "Unknown|Unknown|Bing and Yahoo! search|Search|Unknown|Unknown|Bing and Yahoo! search - Top"
    )
    assert x.line == "segment placement=ALL_ON_TWITTER"


def test_the_currency_is_known_where_the_file_says_it() -> None:
    currencies = {name: {row.currency for row in parse(CONNECTORS / name).rows} for name, *_ in EXPORTS}

    assert {name.partition("_")[0]: found for name, found in currencies.items() if found != {None}} == {
        "microsoft": {"USD"},
        "amazon": {"USD"},
        "apple": {"USD"},
        "linkedin": {"USD"},
    }

"""Each platform's export, by the names of its API and of its interface, as small as can be."""

import json
from datetime import date

import pytest

from ads.importers.formats import LONGEST_LABEL
from ads.importers.registry import format_names, formats
from ads.tests.importers.files import Files, parse, refusal

pytestmark = pytest.mark.unit

GOOGLE_UI = (
    "Campaign report",
    '"May 1, 2026 - May 3, 2026"',
    "Day,Campaign,Campaign ID,Campaign status,Currency code,Cost,CTR",
    '2026-05-01,Brand,11,Enabled,USD,"1,234.50",1.2%',
    "2026-05-02,Brand,11,Enabled,USD,0.00,--",
    '2026-05-02,"Search, generic",12,Paused,USD,3.07,0.5%',
    'Total: Campaigns,--,--,--,USD,"1,237.57",1.0%',
    'Total: Account,--,--,--,USD,"1,237.57",1.0%',
)


def test_there_is_one_module_for_each_platform() -> None:
    assert format_names() == [
        "amazon_ads", "apple_search_ads", "generic", "google_ads", "linkedin", "meta", "microsoft_ads",
        "pinterest", "reddit", "snapchat", "tiktok", "x", "yahoo",
    ]  # fmt: skip


def test_every_platform_can_cut_by_all_its_segments() -> None:
    for known in formats():
        label = f"segment {'+'.join(level.label for level in known.segments)}"
        assert len(label) <= LONGEST_LABEL, known.platform
        assert "=" not in label


def test_google_ads_interface_with_its_preamble_and_totals(files: Files) -> None:
    parsed = parse(files.lines(*GOOGLE_UI))

    assert parsed.platform == "google_ads"
    assert parsed.amounts == ["1234.50", "0.00", "3.07"]
    assert [(row.row, row.campaign_id, row.campaign_name) for row in parsed.rows] == [
        (4, "11", "Brand"),
        (5, "11", "Brand"),
        (6, "12", "Search, generic"),
    ]
    assert {row.currency for row in parsed.rows} == {"USD"}
    assert parsed.bad == []
    assert parsed.left_out == [7, 8]


def test_google_ads_interface_as_it_is_downloaded_in_german(files: Files) -> None:
    text = "Bericht\r\n1. Mai 2026\r\nDay\tCampaign\tCampaign ID\tCurrency code\tCost\r\n"
    path = files.write(
        f"{text}01.05.2026\tMarke\t11\tEUR\t1.234,50\r\n02.05.2026\tMarke\t11\tEUR\t7,00\r\n",
        encoding="utf-16",
    )
    parsed = parse(path)

    assert parsed.amounts == ["1234.50", "7.00"]
    assert parsed.days == ["2026-05-01", "2026-05-02"]
    assert parsed.notes == ["Dates have the day first.", "Amounts have a decimal comma."]


def test_google_ads_without_a_day_says_what_to_export(files: Files) -> None:
    path = files.lines("Campaign,Campaign ID,Currency code,Cost", "Brand,11,USD,1.00")

    assert refusal(path) == (
        "export.csv, row 1: has no column with the date of each row. "
        "In Google Ads, segment the report by Time > Day and download it again."
    )


def test_google_ads_api_hourly(files: Files) -> None:
    record = {
        "customer": {"id": "123", "currencyCode": "EUR"},
        "campaign": {"id": "11", "name": "Brand"},
        "segments": {"date": "2026-05-01", "hour": 13},
        "metrics": {"costMicros": "1234567"},
    }
    parsed = parse(files.lines(json.dumps(record), name="rows.ndjson"))

    (row,) = parsed.rows
    assert row == (1, "google_ads", "123", "11", "Brand", date(2026, 5, 1), 13, "", 1_234_567, "EUR", "")
    assert parsed.notes == ["Each row is one hour."]


def test_google_ads_account_is_the_same_with_and_without_dashes(files: Files) -> None:
    path = files.lines("customer_id,date,campaign_id,cost_micros", "123-456-7890,2026-05-01,1,5")

    assert parse(path).rows[0].account == "1234567890"


def test_meta_interface_with_its_summary_line(files: Files) -> None:
    path = files.lines(
        "Reporting starts,Reporting ends,Campaign name,Ad set name,Amount spent (EUR)",
        "2026-05-01,2026-05-03,,,7.00",
        "2026-05-01,2026-05-01,Sale,All,3.00",
        "2026-05-03,2026-05-03,Sale,All,4.00",
    )
    parsed = parse(path)

    assert (parsed.platform, parsed.amounts, parsed.left_out) == ("meta", ["3.00", "4.00"], [2])
    assert [(row.campaign_name, row.currency) for row in parsed.rows] == [("Sale", "EUR"), ("Sale", "EUR")]


def test_meta_interface_with_a_day_column_goes_by_it(files: Files) -> None:
    path = files.lines(
        "Day,Reporting starts,Reporting ends,Campaign name,Amount spent (USD)",
        "2026-05-02,2026-05-01,2026-05-31,Sale,3.00",
    )

    assert parse(path).days == ["2026-05-02"]


def test_meta_in_portuguese(files: Files) -> None:
    path = files.lines(
        "Nome da campanha;Dia;Valor usado (BRL);Início dos relatórios;Término dos relatórios",
        "Verão;2026-05-02;1.234,50;2026-05-01;2026-05-31",
        "Verão;2026-05-03;0;2026-05-01;2026-05-31",
    )
    parsed = parse(path)

    assert parsed.amounts == ["1234.50", "0.00"]
    assert {row.currency for row in parsed.rows} == {"BRL"}


def test_meta_over_a_range_says_what_to_export(files: Files) -> None:
    path = files.meta(
        "2026-05-01,2026-05-01,1,1.00",
        "2026-05-01,2026-05-31,1,2.00",
        header="date_start,date_stop,campaign_id,spend",
    )

    assert refusal(path) == (
        "export.csv, row 3, column “date_start”: the row covers 2026-05-01 to 2026-05-31, but each row must be one "
        "day. In Ads Manager, choose Breakdown > By time > Day (time_increment=1 in the API) and export again."
    )


def test_meta_accounts_are_the_same_with_and_without_their_prefix(files: Files) -> None:
    path = files.meta("2026-05-01,act_77,1,1.00", header="date_start,account_id,campaign_id,spend")

    assert parse(path).rows[0].account == "77"


def test_microsoft_interface_with_preamble_and_copyright(files: Files) -> None:
    path = files.lines(
        '"Report Name: Campaigns"',
        '"Report Time: 5/1/2026,5/31/2026"',
        "",
        '"TimePeriod","CampaignId","CampaignName","Spend","CurrencyCode"',
        '"5/13/2026","11","Brand","1,234.50","USD"',
        '"5/14/2026","11","Brand","0.00","USD"',
        '"©2026 Microsoft Corporation. All rights reserved. "',
    )
    parsed = parse(path)

    assert parsed.platform == "microsoft_ads"
    assert list(zip(parsed.days, parsed.amounts, strict=True)) == [
        ("2026-05-13", "1234.50"),
        ("2026-05-14", "0.00"),
    ]
    assert parsed.left_out == [7]
    assert parsed.bad == []


def test_microsoft_lines_do_not_depend_on_what_may_be_renamed(files: Files) -> None:
    header = "date,campaign_id,spend,top_vs_other,device_os,budget_name"
    first = parse(files.lines(header, "2026-05-01,1,1.00,Top,iOS,old name")).rows[0]
    later = parse(files.lines(header, "2026-05-01,1,1.00,Top,iOS,new name")).rows[0]

    assert first.line == later.line == "segment os+top=iOS|Top"


def test_amazon_api(files: Files) -> None:
    path = files.lines(
        "date,campaignId,campaignName,cost,campaignBudgetCurrencyCode", "2026-05-01,1,Books,1.67,EUR"
    )
    parsed = parse(path)

    assert parsed.platform == "amazon_ads"
    assert (parsed.rows[0].campaign_name, parsed.rows[0].currency, parsed.amounts) == (
        "Books",
        "EUR",
        ["1.67"],
    )


def test_amazon_summary_report_is_refused(files: Files) -> None:
    path = files.lines("startDate,endDate,campaignId,cost", "2026-05-01,2026-05-31,1,1.67")

    assert "timeUnit DAILY" in refusal(path)


@pytest.mark.parametrize(
    ("written", "hour"), [("2026-05-01 5:00:00", 5), ("2026-05-01 00:00:00", 0), ("2026-05-01 23:00:00", 23)]
)
def test_tiktok_hours_are_the_advertisers(files: Files, written: str, hour: int) -> None:
    (row,) = parse(files.lines("STAT_TIME_HOUR,CAMPAIGN_ID,SPEND", f"{written},1,2.50")).rows

    assert (row.platform, row.day, row.hour) == ("tiktok", date(2026, 5, 1), hour)


def test_tiktok_days_have_no_hour(files: Files) -> None:
    (row,) = parse(files.lines("stat_time_day,campaign_id,spend", "2026-05-01 00:00:00,1,2.50")).rows

    assert (row.day, row.hour) == (date(2026, 5, 1), None)


def test_linkedin_api(files: Files) -> None:
    record = {
        "dateRange": {
            "start": {"year": 2026, "month": 5, "day": 1},
            "end": {"year": 2026, "month": 5, "day": 1},
        },
        "pivotValues": ["urn:li:sponsoredCampaign:148633856"],
        "costInLocalCurrency": "50.2",
    }
    parsed = parse(files.lines(json.dumps(record), name="rows.ndjson"))

    (row,) = parsed.rows
    assert (row.platform, row.campaign_id, row.day) == ("linkedin", "148633856", date(2026, 5, 1))
    assert parsed.amounts == ["50.20"]


def test_linkedin_knows_dollars_by_the_cost_beside_it(files: Files) -> None:
    header = "campaign_id,day,cost_in_local_currency,cost_in_usd"
    dollars = parse(files.lines(header, "1,2026-05-01,50.2,50.20", "1,2026-05-02,0,")).rows
    euros = parse(files.lines(header, "1,2026-05-01,50.2,54.01", "1,2026-05-02,0,0")).rows
    nothing = parse(files.lines(header, "1,2026-05-01,0,", "1,2026-05-02,0,0")).rows

    assert [{row.currency for row in rows} for rows in (dollars, euros, nothing)] == [
        {"USD"},
        {"not USD"},
        {None},
    ]


def test_linkedin_by_something_else_than_campaigns_is_kept_out(files: Files) -> None:
    path = files.lines("dateRange,pivotValues,costInUsd", "2026-05-01,urn:li:sponsoredCreative:1,2.00")

    assert parse(path).reasons == [
        "row 2: column “pivotValues”: “urn:li:sponsoredCreative:1” is no campaign; ask LinkedIn for pivot CAMPAIGN"
    ]


def test_linkedin_empty_cost_is_none(files: Files) -> None:
    path = files.lines("campaign_id,day,cost_in_usd", "1,2026-05-01,", "1,2026-05-02,3.50")

    assert parse(path).amounts == ["0.00", "3.50"]


def test_snapchat_days_and_hours_are_the_accounts(files: Files) -> None:
    daily = parse(files.lines("start_time,id,spend", "2026-05-29T00:00:00.000-07:00,c,60215"))
    hourly = parse(
        files.lines(
            "start_time,end_time,id,spend",
            "2026-05-29T00:00:00.000-07:00,2026-05-29T01:00:00.000-07:00,c,1",
            "2026-05-29T23:00:00.000-07:00,2026-05-30T00:00:00.000-07:00,c,2",
        )
    )

    assert [(row.platform, row.day, row.hour, row.amount_micros) for row in daily.rows] == [
        ("snapchat", date(2026, 5, 29), None, 60_215)
    ]
    assert [(row.day, row.hour) for row in hourly.rows] == [(date(2026, 5, 29), 0), (date(2026, 5, 29), 23)]


def test_snapchat_over_a_range_is_refused(files: Files) -> None:
    path = files.lines(
        "start_time,end_time,id,spend", "2026-05-01T00:00:00-07:00,2026-05-31T00:00:00-07:00,c,1"
    )

    assert "granularity=DAY" in refusal(path)


def test_pinterest_in_micros_and_in_units(files: Files) -> None:
    micros = parse(files.lines("date,campaign_id,spend_in_micro_dollar", "2026-05-01,1,2250000"))
    units = parse(files.lines("DATE,CAMPAIGN_ID,SPEND_IN_DOLLAR", "2026-05-01,1,2.25"))

    assert (micros.platform, micros.amounts) == (units.platform, units.amounts) == ("pinterest", ["2.25"])


@pytest.mark.parametrize(
    ("midnight", "day"),
    [
        ("2026-05-20 10:00:00", 20),  # Honolulu
        ("2026-05-20 07:00:00", 20),  # Los Angeles
        ("2026-05-20 00:00:00", 20),  # London in winter
        ("2026-05-20T23:00:00Z", 21),  # London in summer
        ("2026-05-20 22:00:00", 21),  # Berlin in summer
        ("2026-05-20 18:30:00", 21),  # Mumbai
        ("2026-05-20 15:00:00", 21),  # Tokyo
        ("2026-05-20 12:00:00", 21),  # Auckland in winter
        ("2026-05-20 11:00:00", 21),  # Auckland in summer
        ("2026-05-20", 20),
    ],
)
def test_x_counts_for_the_day_that_begins_at_the_accounts_midnight(
    files: Files, midnight: str, day: int
) -> None:
    path = files.lines("date,campaign_id,billed_charge_local_micro", f"{midnight},a,1371662")

    (row,) = parse(path).rows
    assert (row.platform, row.day, row.hour) == ("x", date(2026, 5, day), None)


def test_x_midnights_move_by_an_hour_and_no_more(files: Files) -> None:
    header = "date,account_id,campaign_id,billed_charge_local_micro"
    moved = files.lines(
        header,
        "2026-01-20 08:00:00,la,a,1",
        "2026-05-20 07:00:00,la,a,1",
        "2026-01-20 00:00:00,london,b,1",
        "2026-05-20 23:00:00,london,b,1",
    )
    assert parse(moved).days == ["2026-01-20", "2026-05-20", "2026-01-20", "2026-05-21"]

    hourly = files.lines(header, "2026-05-20 07:00:00,la,a,1", "2026-05-20 09:00:00,la,a,1")
    assert refusal(hourly) == (
        "export.csv, column “date”: has times of day (07:00, 09:00) that are not one midnight. "
        "Ask X for granularity DAY."
    )


@pytest.mark.parametrize(
    ("header", "row", "reason"),
    [
        (
            "Day,Campaign name,Amount spent (EUR),Currency",
            "2026-05-01,A,5.00,USD",
            "column “Currency”: USD, but column “Amount spent (EUR)” is EUR; leave one out",
        ),
        (
            "day,campaign_id,cost_in_usd,currency",
            "2026-05-01,1,5.00,EUR",
            "column “currency”: EUR, but column “cost_in_usd” is USD; leave one out",
        ),
        (
            "day,campaign_id,cost_in_local_currency,cost_in_usd,currency",
            "2026-05-01,1,5.00,6.00,USD",
            "column “currency”: USD, but column “cost_in_local_currency” is not USD; leave one out",
        ),
    ],
)
def test_two_columns_that_contradict_each_other_on_the_currency_keep_the_row_out(
    files: Files, header: str, row: str, reason: str
) -> None:
    assert parse(files.lines(header, row)).reasons == [f"row 2: {reason}"]


@pytest.mark.parametrize(("code", "currency"), [("€", "EUR"), ("EUR", "EUR"), ("", "EUR")])
def test_where_they_agree_it_is_that_currency(files: Files, code: str, currency: str) -> None:
    path = files.lines("Day,Campaign name,Amount spent (EUR),Currency", f"2026-05-01,A,5.00,{code}")

    assert parse(path).rows[0].currency == currency


@pytest.mark.parametrize(
    "name", ["Total", "Subtotal", "Sub-total: May", "Grand Total", "Zwischensumme", "Razem"]
)
def test_a_sum_in_the_place_of_a_campaign_s_name_is_no_campaign(files: Files, name: str) -> None:
    parsed = parse(
        files.lines("Day,Campaign,Currency code,Cost", "2026-05-01,A,EUR,5.00", f"2026-05-01,{name},EUR,5.00")
    )

    assert parsed.amounts == ["5.00"]
    assert parsed.reasons == [f"row 3: “{name}” is a sum"]


def test_apple_takes_the_currency_beside_the_amount(files: Files) -> None:
    path = files.lines(
        "date,id,avg_cpt_currency,local_spend_amount,local_spend_currency", "2026-05-01,1,USD,5.09,EUR"
    )
    parsed = parse(path)

    assert (parsed.platform, parsed.rows[0].currency, parsed.amounts) == ("apple_search_ads", "EUR", ["5.09"])


def test_yahoo_adjustments_add_up(files: Files) -> None:
    path = files.lines("day,campaign_id,spend,is_adjustment", "2026-05-01,1,5.00,N", "2026-05-01,1,-0.50,Y")
    parsed = parse(path)

    assert (parsed.platform, str(parsed.total)) == ("yahoo", "4.50")
    assert [row.line for row in parsed.rows] == ["segment adjustment=N", "segment adjustment=Y"]


def test_a_table_of_ones_own_with_named_columns(files: Files) -> None:
    path = files.lines(
        "Tag;Kampagne;Nr;Anzeige;Kosten;Waehrung",
        "31.05.2026;Sommer;7;A1;1.234,50;eur",
        "31.05.2026;Sommer;7;A2;3;EUR",
    )
    columns = {
        "date": "Tag",
        "campaign": "Kampagne",
        "campaign_id": "Nr",
        "line": "Anzeige",
        "amount": "Kosten",
        "currency": "Waehrung",
    }
    parsed = parse(path, columns=columns)

    assert parsed.rows[0] == (
        2, "generic", "", "7", "Sommer", date(2026, 5, 31), None, "anzeige=A1", 1_234_500_000, "EUR", ""
    )  # fmt: skip
    assert parsed.amounts == ["1234.50", "3.00"]


def test_a_table_of_ones_own_in_micros_and_hours(files: Files) -> None:
    path = files.lines("at,id,micros", "2026-05-01T13:00,7,1500000", "2026-05-01T00:00,7,1")
    parsed = parse(path, columns={"date": "at", "campaign_id": "id", "amount": "micros"}, micros=True)

    assert [(row.hour, row.amount_micros) for row in parsed.rows] == [(13, 1_500_000), (0, 1)]


def test_a_known_format_with_a_column_of_another_name(files: Files) -> None:
    path = files.lines("date_start,campaign_id,my spend", "2026-05-01,1,2.00")
    parsed = parse(path, format="meta", columns={"amount": "my spend"})

    assert (parsed.platform, parsed.amounts) == ("meta", ["2.00"])


def test_files_put_one_after_the_other_repeat_their_header(files: Files) -> None:
    parsed = parse(files.meta("2026-05-01,1,1.00", "date_start,campaign_id,spend", "2026-05-02,1,2.00"))

    assert (parsed.amounts, parsed.left_out, parsed.bad) == (["1.00", "2.00"], [3], [])


def test_an_unknown_table_is_refused_with_what_it_has(files: Files) -> None:
    assert refusal(files.lines("a,b,c", "1,2,3")) == (
        "export.csv: is no export that is known: its columns are “a”, “b”, “c”. Name them with --date-column, "
        "--amount-column and --campaign-column, or say --format"
    )


def test_a_header_that_may_be_two_platforms_is_refused(files: Files) -> None:
    path = files.lines("date,campaign_id,swipes,ecpm,spend", "2026-05-01,1,1,1,1000000")

    assert refusal(path) == "export.csv, row 1: may be of reddit or snapchat; say which with --format"
    assert parse(path, format="reddit").amounts == ["1.00"]


def test_named_columns_that_are_missing_are_named(files: Files) -> None:
    path = files.lines("a,b", "1,2")

    assert refusal(path, columns={"date": "When", "amount": "b"}) == (
        "export.csv: has no header with the columns “When”, “b”; it has “a”, “b”"
    )
    assert "--date-column and --amount-column" in refusal(path, format="generic")


def test_an_empty_level_is_no_level(files: Files) -> None:
    header = "date_start,campaign_id,ad_id,adset_id,spend"
    by_set = parse(files.meta("2026-05-01,1,,s1,1.00", header=header)).rows
    by_campaign = parse(files.meta("2026-05-01,1,,,1.00", header=header)).rows

    assert [by_set[0].line, by_campaign[0].line] == ["adset=s1", ""]


def test_a_row_without_an_ad_among_rows_with_one_stays_at_their_level(files: Files) -> None:
    parsed = parse(
        files.meta("2026-05-01,1,a1,1.00", "2026-05-01,1,,2.00", header="date_start,campaign_id,ad_id,spend")
    )

    assert [row.line for row in parsed.rows] == ["ad=a1", "ad="]


def test_a_long_line_is_kept_apart_from_others_that_begin_alike(files: Files) -> None:
    header = "date,campaign_id,spend,top_vs_other,device_os"
    path = files.lines(header, f"2026-05-01,1,1.00,{'x' * 300}1,i", f"2026-05-01,1,1.00,{'x' * 300}2,i")
    lines = [row.line for row in parse(path).rows]

    assert len(set(lines)) == 2
    assert max(map(len, lines)) <= 255


def test_values_that_hold_the_separator_stay_apart(files: Files) -> None:
    header = "date,campaign_id,spend,device_os,top_vs_other"
    path = files.lines(
        header, "2026-05-01,1,1.00,a|b,c", "2026-05-01,1,1.00,a,b|c", "2026-05-01,1,1.00,a\\,|b|c"
    )

    assert len({row.line for row in parse(path).rows}) == 3


def test_sums_with_a_date_are_kept_out_and_said(files: Files) -> None:
    by_name = parse(
        files.lines(
            "Day,Campaign,Currency code,Cost", "2026-05-01,Total,USD,9.00", "2026-05-01,Total Wine,USD,1.00"
        )
    )
    by_id = parse(files.lines("Day,Campaign,Campaign ID,Currency code,Cost", "2026-05-01,Total,--,USD,9.00"))

    assert [row.campaign_name for row in by_name.rows] == ["Total Wine"]
    assert by_name.reasons == ["row 2: “Total” is a sum"]
    assert by_id.reasons == ["row 2: column “Campaign ID”: names no campaign"]


def test_an_amount_that_stands_alone_is_no_note(files: Files) -> None:
    path = files.lines("Paid;When;Who", "12.50;;", "1.00;2026-05-01;a", "© 2026;;")
    parsed = parse(path, columns={"amount": "Paid", "date": "When", "campaign": "Who"})

    assert (parsed.amounts, len(parsed.bad), parsed.left_out) == (["1.00"], 2, [])

"""Any number of brands of 100 campaigns, straight into the tables of PostgreSQL: decided, and nobody over budget."""

from datetime import date, datetime

from django.db import connection

from ads.models import FLIGHT_STARTS_ON

CAMPAIGNS_EACH = 100
ZONES = (
    "America/New_York",
    "Europe/Lisbon",
    "America/New_York",
    "Asia/Tokyo",
    "America/New_York",
    "Asia/Kolkata",
)
BUDGET = 1_000_000_000

BRANDS = """
    INSERT INTO ads_brand
        (name, daily_budget_micros, monthly_budget_micros, timezone, currency, is_active, zone_history)
    SELECT 'Brand ' || n, %(budget)s, 30 * %(budget)s::bigint, (%(zones)s::text[])[1 + n %% %(zone_count)s],
        'USD', true, jsonb_build_array(jsonb_build_array('0001-01-01', (%(zones)s::text[])[1 + n %% %(zone_count)s]))
    FROM generate_series(1, %(brands)s) n
"""

# Half have budgets of their own, three in ten a flight, a fifth two windows.
CAMPAIGNS = """
    INSERT INTO ads_campaign (brand_id, name, enabled, daily_budget_micros, monthly_budget_micros, total_budget_micros,
        start_date, end_date, platform, account, external_id, status, reason_codes)
    SELECT b.id, 'Campaign ' || n, true,
        CASE WHEN n %% 2 = 0 THEN %(budget)s END, CASE WHEN n %% 4 = 0 THEN 30 * %(budget)s::bigint END,
        CASE WHEN n %% 10 = 0 THEN 90 * %(budget)s::bigint END,
        CASE WHEN n %% 10 < 3 THEN %(today)s::date - 30 END, CASE WHEN n %% 10 < 3 THEN %(today)s::date + 30 END,
        '', '', '', 'INACTIVE', 'SWITCHED_OFF'
    FROM ads_brand b CROSS JOIN generate_series(1, %(each)s) n ORDER BY b.id, n
"""
WINDOWS = """
    INSERT INTO ads_daypartingschedule (campaign_id, day_of_week, start_time, end_time, timezone)
    SELECT id, day, '06:00'::time, '23:30'::time, '' FROM ads_campaign, (VALUES (NULL::int), (5)) AS days (day)
    WHERE id %% 5 = 0
"""

# Of the present day in any zone and of the month; of the day before too: a sweep must not mistake it for today.
BRAND_PERIODS = """
    INSERT INTO ads_brandperiod (brand_id, kind, starts_on, spent_micros, waived_micros, budget_micros)
    SELECT id, kind, starts_on, %(budget)s / 2, 0, %(budget)s
    FROM ads_brand, (VALUES ('DAY', %(today)s::date), ('DAY', %(today)s::date - 1), ('DAY', %(today)s::date + 1),
        ('MONTH', date_trunc('month', %(today)s::date)::date)) AS periods (kind, starts_on)
"""
CAMPAIGN_PERIODS = """
    INSERT INTO ads_campaignperiod (campaign_id, kind, starts_on, spent_micros, waived_micros, budget_micros)
    SELECT id, kind, starts_on, %(budget)s / 100 + id, 0, %(budget)s
    FROM ads_campaign, (VALUES ('DAY', %(today)s::date), ('DAY', %(today)s::date - 1),
        ('MONTH', date_trunc('month', %(today)s::date)::date), ('FLIGHT', %(flight)s)) AS periods (kind, starts_on)
    ORDER BY id
"""


def make_crowd(campaigns: int, now: datetime, *, is_spent: bool = True) -> None:
    """Makes them in place of all that were there, with totals that no ledger tells of, and decides them."""
    from ads.services import enforcement

    values: dict[str, int | date | list[str]] = {
        "brands": campaigns // CAMPAIGNS_EACH, "each": CAMPAIGNS_EACH, "budget": BUDGET,
        "zones": list(ZONES), "zone_count": len(ZONES), "today": now.date(), "flight": FLIGHT_STARTS_ON,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "TRUNCATE ads_brand, ads_campaign, ads_daypartingschedule, ads_brandperiod, ads_campaignperiod, "
            "ads_statuschange RESTART IDENTITY CASCADE"
        )
        for statement in (
            BRANDS,
            CAMPAIGNS,
            WINDOWS,
            *((BRAND_PERIODS, CAMPAIGN_PERIODS) if is_spent else ()),
        ):
            cursor.execute(statement, values)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")
    enforcement.sweep(now)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE ads_campaign")


def spend_out(tenth: int, now: datetime) -> None:
    """The present day of one brand in ten is at its budget, as if its campaigns had been left running by mistake."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE ads_brandperiod p SET spent_micros = %(budget)s FROM ads_brand b
            WHERE b.id = p.brand_id AND b.id %% 10 = %(tenth)s AND p.kind = 'DAY'
              AND p.starts_on = (%(now)s AT TIME ZONE b.timezone)::date
            """,
            {"budget": BUDGET, "tenth": tenth, "now": now},
        )


def make_due(campaigns: int, of: int, now: datetime) -> None:
    """So many campaigns, spread over all brands, are to be decided by the next tick."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ads_campaign SET next_transition_at = %s WHERE id %% %s = 0 AND id <= %s",
            [now, of // campaigns, of],
        )

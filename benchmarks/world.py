"""An agency of any size for the measures of pages, made by the database itself: 10,000,000 rows take minutes.

Totals are added up from the ledger, statuses are decided by the rule, and everything is of the last 90 days.
Identities of records are left out: no page reads them.
"""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from ads.models import (
    ApiToken,
    Brand,
    Campaign,
    CampaignAlias,
    DaypartingSchedule,
    ImportMode,
    ImportState,
    Kind,
    QuarantinedSpend,
    QuarantineProblem,
    QuarantineState,
    RightKind,
    RightsChange,
    Scope,
    SpendImport,
)
from ads.rights import ROLES
from ads.services.enforcement import sweep

DAYS = 90
SEED = 20_260_310
PLATFORMS = ("google_ads", "meta", "tiktok", "linkedin", "microsoft_ads", "")
ZONES = (
    "America/New_York", "America/Los_Angeles", "America/Chicago", "Europe/Lisbon", "Europe/Berlin",
    "Europe/London", "Asia/Tokyo", "Asia/Kolkata", "Australia/Sydney", "UTC",
)  # fmt: skip
CURRENCIES = ("USD", "USD", "USD", "EUR", "EUR", "GBP", "JPY")
FIRST_WORDS = [
    "Northwind",
    "Harbour",
    "Alder",
    "Bluefox",
    "Solstice",
    "Marigold",
    "Quarry",
    "Tern",
    "Vale",
    "Onyx",
]
SECOND_WORDS = [
    "Coffee",
    "Bank",
    "Shoes",
    "Travel",
    "Insurance",
    "Foods",
    "Motors",
    "Games",
    "Energy",
    "Studio",
]
THEMES = [
    "Summer sale", "Spring launch", "Always on", "Retargeting", "Black Friday", "Brand terms", "New arrivals",
    "Win back", "App installs", "Awareness",
]  # fmt: skip
KINDS = ["search", "display", "video", "social", "shopping", "audio"]
# Budgets as multiples of what is spent: by the brand's or campaign's number, so that each is of another kind.
DAILY_FACTORS = [0.5, 1.1, 1.2, 1.3, 1.5, 1.7, 1.4, 1.3, 1.2, 1.8, 2.0, 2.5, 1.6, 1.4, 1.2, 3.0]
MONTHLY_FACTORS = [0.6, 0.9, 0.95, 0.97, 1.0, 1.0, 1.0, 1.03, 1.03, 1.05, 1.1, 1.2, 1.35]

# One campaign in twenty is the first brand's; the others are spread evenly.
BRANDS = """
INSERT INTO ads_brand (name, timezone, currency, is_active, opened_on, zone_history)
SELECT (%(first)s::text[])[1 + n %% 10] || ' ' || (%(second)s::text[])[1 + n / 10 %% 10] || ' ' || n,
    zone, (%(currencies)s::text[])[1 + n %% 7], n %% 61 <> 0, (%(now)s AT TIME ZONE zone)::date,
    jsonb_build_array(jsonb_build_array('0001-01-01', zone))
FROM (SELECT n, (%(zones)s::text[])[1 + n %% 10] AS zone FROM generate_series(1, %(brands)s) n) given
"""
CAMPAIGNS = """
INSERT INTO ads_campaign (brand_id, name, enabled, start_date, end_date, platform, account, external_id,
    archived_at, status, reason_codes)
SELECT b.id, (%(themes)s::text[])[1 + n %% 10] || ' ' || (%(kinds)s::text[])[1 + n / 10 %% 6] || ' ' || n,
    n %% 12 <> 0, b.opened_on + f.start, b.opened_on + f.stop, (%(platforms)s::text[])[1 + n %% 6],
    'account ' || b.id, 'c' || n, CASE WHEN n %% 25 = 0 THEN %(now)s - interval '20 days' END,
    'INACTIVE', 'SWITCHED_OFF'
FROM (SELECT n, abs(hashint4(n)::bigint) AS hash FROM generate_series(1, %(campaigns)s) n) given
JOIN (SELECT b.*, row_number() OVER (ORDER BY id) AS number FROM ads_brand b) b
    ON b.number = CASE WHEN hash %% 20 = 0 THEN 1 ELSE 1 + hash / 20 %% %(brands)s END
CROSS JOIN LATERAL (SELECT
    CASE n / 7 %% 10 WHEN 4 THEN -n %% 60 WHEN 5 THEN -n %% 45 WHEN 6 THEN -n %% 30 WHEN 7 THEN -80 - n %% 60
        WHEN 8 THEN -60 - n %% 60 WHEN 9 THEN 1 + n %% 30 END::int AS start,
    CASE n / 7 %% 10 WHEN 4 THEN 1 + n %% 60 WHEN 5 THEN 1 + n %% 30 WHEN 7 THEN -1 - n %% 60
        WHEN 8 THEN -1 - n %% 45 WHEN 9 THEN 31 + n %% 60 END::int AS stop) f
ORDER BY n
"""
WINDOWS = """
INSERT INTO ads_daypartingschedule (campaign_id, day_of_week, start_time, end_time, timezone)
SELECT c.id, day, make_time(6 + (c.id %% 4)::int, 0, 0), make_time(18 + (c.id %% 5)::int, 30, 0), ''
FROM ads_campaign c, generate_series(0, 6) day
WHERE (c.id %% 4 = 1 OR c.brand_id %% 20 = 7) AND (day < 5 OR c.id %% 8 = 1) ORDER BY 1, 2
"""
# Who spends on which days, counted back from the brand's present one, and how often a day.
SPENDERS = """
CREATE TEMPORARY TABLE spender AS
SELECT c.id AS campaign_id, c.brand_id, b.timezone AS zone, b.opened_on AS today, b.id %% 4 = 3 AS by_day,
    coalesce(nullif(c.platform, ''), 'api') AS source, NOT c.enabled AS is_off,
    CASE WHEN c.start_date IS NULL THEN %(days)s - 1 ELSE least(%(days)s - 1, b.opened_on - c.start_date) END AS first,
    CASE WHEN NOT c.enabled THEN CASE WHEN c.id %% 1200 = 12 THEN 0 ELSE 10 + c.id %% 30 END
        WHEN b.id %% 97 = 5 THEN 2 WHEN c.end_date < b.opened_on THEN b.opened_on - c.end_date ELSE 0 END AS last,
    (100 * exp(1.2 * random() + 1))::int * 10000::bigint AS usual
FROM ads_campaign c JOIN ads_brand b ON b.id = c.brand_id
WHERE c.archived_at IS NULL AND (c.start_date IS NULL OR c.start_date <= b.opened_on)
"""
RATE = "SELECT %s::float / sum(first - last + 1) FROM spender WHERE first >= last"
# One day, the oldest first, as a ledger grows. What comes once a day comes the next morning, without a time.
LEDGER = """
INSERT INTO ads_spendlog (brand_id, campaign_id, kind, amount_micros, occurred_at, spent_on, recorded_at, source,
    external_id, description, recorded_by, while_off)
SELECT s.brand_id, s.campaign_id, CASE WHEN is_refund THEN 'REFUND' ELSE 'SPEND' END,
    CASE WHEN is_refund THEN -1 ELSE 1 END * greatest(10000, (usual * (0.5 + random())
        * CASE WHEN extract(isodow FROM day) > 5 THEN 0.6 ELSE 1 END / 10000)::bigint * 10000),
    CASE WHEN NOT by_day THEN at END, day, CASE WHEN by_day THEN next_morning ELSE at + interval '1 minute' END,
    s.source, s.campaign_id || '-' || day || '-' || number, '', '', is_off AND %(ago)s < last + 3
FROM spender s
CROSS JOIN LATERAL (SELECT s.today - %(ago)s::int AS day) d
CROSS JOIN LATERAL generate_series(1, floor(%(rate)s + random() + 0 * s.campaign_id)::int) number
CROSS JOIN LATERAL (SELECT (day + make_interval(secs => 86399 * random() + 0 * number)) AT TIME ZONE zone AS at,
    (day + interval '30 hours') AT TIME ZONE zone AS next_morning, random() + 0 * number < 0.003 AS is_refund) m
WHERE %(ago)s BETWEEN last AND first AND CASE WHEN by_day THEN next_morning ELSE at END < %(now)s
ORDER BY at
"""
BRAND_PERIODS = """
INSERT INTO ads_brandperiod (brand_id, kind, starts_on, spent_micros, waived_micros, closed_at)
SELECT brand_id, kind, starts_on, sum(amount_micros), 0, CASE WHEN ends <= opened_on THEN ends AT TIME ZONE zone END
FROM (
    SELECT brand_id, kind, starts_on, amount_micros, b.opened_on, coalesce(nullif(b.timezone, ''), 'UTC') AS zone,
        starts_on + CASE kind WHEN 'DAY' THEN interval '1 day' ELSE interval '1 month' END AS ends
    FROM (SELECT brand_id, spent_on, sum(amount_micros) AS amount_micros FROM ads_spendlog GROUP BY 1, 2) l
    JOIN ads_brand b ON b.id = brand_id
    CROSS JOIN LATERAL (VALUES ('DAY', spent_on), ('MONTH', date_trunc('month', spent_on)::date)) p (kind, starts_on)
) l GROUP BY brand_id, kind, starts_on, ends, opened_on, zone ORDER BY starts_on, brand_id
"""
CAMPAIGN_PERIODS = """
INSERT INTO ads_campaignperiod (campaign_id, kind, starts_on, spent_micros, waived_micros)
SELECT campaign_id, kind, starts_on, sum(amount_micros), 0
FROM (SELECT campaign_id, spent_on, sum(amount_micros) AS amount_micros FROM ads_spendlog GROUP BY 1, 2) l
CROSS JOIN LATERAL (VALUES ('DAY', spent_on), ('MONTH', date_trunc('month', spent_on)::date),
    ('FLIGHT', date '1970-01-01')) p (kind, starts_on)
GROUP BY campaign_id, kind, starts_on ORDER BY starts_on, campaign_id
"""
# Against what was spent a day of late: some have spent it by now, some are ahead, behind, or without a budget.
BUDGETS = """
UPDATE ads_{owner} o SET
    daily_budget_micros = CASE WHEN o.id %% 4 < {without} THEN NULL
        ELSE (usual * (%(factors)s::float[])[1 + o.id / 4 %% 16] / 1000000)::bigint * 1000000 END,
    monthly_budget_micros = CASE WHEN o.id %% 10 < {without} THEN NULL
        ELSE (usual * 30 * (%(monthly)s::float[])[1 + o.id %% 13] / 1000000)::bigint * 1000000 END
FROM (SELECT {owner}_id AS id, greatest(0, sum(spent_micros)) / 28 AS usual FROM ads_{owner}period
    WHERE kind = 'DAY' AND starts_on >= %(now)s::date - 28 GROUP BY 1) recent
WHERE recent.id = o.id
"""
BUDGETS_IN_FORCE = """
UPDATE ads_{owner}period p SET budget_micros = CASE p.kind WHEN 'DAY' THEN o.daily_budget_micros
    WHEN 'MONTH' THEN o.monthly_budget_micros END
FROM ads_{owner} o WHERE o.id = p.{owner}_id
    AND coalesce(o.daily_budget_micros, o.monthly_budget_micros) IS NOT NULL
"""
WAIVERS = """
WITH chosen AS (
    SELECT *, spent_micros / 10 AS amount FROM ads_brandperiod
    WHERE kind = 'DAY' AND spent_micros >= 10 AND closed_at IS NOT NULL ORDER BY md5(id::text) LIMIT 300
), waived AS (
    UPDATE ads_brandperiod p SET waived_micros = amount FROM chosen WHERE chosen.id = p.id
)
INSERT INTO ads_waiver (brand_id, kind, starts_on, amount_micros, by, at)
SELECT brand_id, kind, starts_on, amount, 'person 1', closed_at - interval '6 hours' FROM chosen ORDER BY starts_on
"""
# Windows that open and close, limits that are reached until midnight, and what stands now.
STATUS_CHANGES = """
INSERT INTO ads_statuschange (brand_id, campaign_id, sequence, from_status, from_reason_codes, to_status,
    reason_codes, cause, by, at)
SELECT brand_id, id, row_number() OVER (PARTITION BY brand_id ORDER BY at, id), from_status, from_codes, to_status,
    codes, cause, '', at
FROM (
    SELECT c.brand_id, c.id, e.*, (b.opened_on - ago + e.clock) AT TIME ZONE b.timezone AS at
    FROM ads_campaign c JOIN ads_brand b ON b.id = c.brand_id, generate_series(0, %(days)s / 4) ago,
    (VALUES ('PAUSED', 'OUTSIDE_DAYPARTING', 'ACTIVE', '', 'CLOCK', interval '6 hours'),
        ('ACTIVE', '', 'PAUSED', 'OUTSIDE_DAYPARTING', 'CLOCK', interval '18.5 hours'))
        e (from_status, from_codes, to_status, codes, cause, clock)
    WHERE c.id %% 4 = 1 AND c.enabled AND c.archived_at IS NULL
    UNION ALL
    SELECT c.brand_id, c.id, e.*, (b.opened_on - 1 - ago * (3 + c.id %% 9)::int + e.clock) AT TIME ZONE b.timezone
    FROM ads_campaign c JOIN ads_brand b ON b.id = c.brand_id, generate_series(0, 5) ago,
    (VALUES ('ACTIVE', '', 'PAUSED', 'BRAND_DAILY', 'SPEND', interval '15 hours'),
        ('PAUSED', 'BRAND_DAILY', 'ACTIVE', '', 'ROLLOVER', interval '24 hours'))
        e (from_status, from_codes, to_status, codes, cause, clock)
    WHERE c.brand_id %% 5 = 0 AND c.enabled
    UNION ALL
    SELECT brand_id, id, 'ACTIVE', '', status, reason_codes, 'SPEND', NULL::interval,
        %(now)s - make_interval(mins => (brand_id %% 50)::int)
    FROM ads_campaign WHERE status = 'PAUSED' AND reason_codes <> 'OUTSIDE_DAYPARTING'
        AND reason_codes <> 'FLIGHT_NOT_STARTED'
) change WHERE at < %(now)s ORDER BY at, id
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How many there are of what grows."""

    brands: int
    campaigns: int
    rows: int


def make(size: Size, now: datetime) -> None:
    """Fill an empty database with a world of this size; the same one in every run of a day."""
    logging.disable(logging.WARNING)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.42)")
        # What is made is whole, and the guards of history stand in the way of nobody but its makers.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute("SET work_mem = '256MB'")
        given: dict[str, Any] = {
            "now": now,
            "days": DAYS,
            "brands": size.brands,
            "campaigns": size.campaigns,
            "zones": list(ZONES),
            "currencies": list(CURRENCIES),
            "platforms": list(PLATFORMS),
            "first": FIRST_WORDS,
            "second": SECOND_WORDS,
            "themes": THEMES,
            "kinds": KINDS,
            "factors": DAILY_FACTORS,
            "monthly": MONTHLY_FACTORS,
        }
        for statement in (BRANDS, CAMPAIGNS, WINDOWS, SPENDERS):
            cursor.execute(statement, given)
        print("brands and campaigns", flush=True)
        _ledger(cursor, size, given)
        for statement in (BRAND_PERIODS, CAMPAIGN_PERIODS):
            cursor.execute(statement)
        print("totals", flush=True)
        for owner, without in (("brand", 1), ("campaign", 2)):
            cursor.execute(BUDGETS.format(owner=owner, without=without), given)
            cursor.execute(BUDGETS_IN_FORCE.format(owner=owner))
        cursor.execute(WAIVERS)
        cursor.execute("ANALYZE")
        sweep(now)
        cursor.execute(STATUS_CHANGES, given)
        print("statuses", flush=True)
        for model, changes in ((Brand, 5), (Campaign, 1), (DaypartingSchedule, 0)):
            _history(cursor, model._meta.db_table, model.history.model._meta.db_table, changes, now)
        _around(now)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("RESET work_mem")
        cursor.execute("VACUUM ANALYZE")
    logging.disable(logging.NOTSET)


def _ledger(cursor: CursorWrapper, size: Size, given: dict[str, Any]) -> None:
    with _without_indexes(cursor, "ads_spendlog"):
        cursor.execute(RATE, (size.rows,))
        ((rate,),) = cursor.fetchall()
        for ago in range(DAYS - 1, -1, -1):
            cursor.execute(LEDGER, given | {"ago": ago, "rate": rate * 1.02})
        print("ledger", flush=True)


@contextmanager
def _without_indexes(cursor: CursorWrapper, table: str) -> Iterator[None]:
    """Indexes that are made once afterwards cost a fraction of what they cost row by row."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexdef NOT LIKE '%%UNIQUE%%'",
        (table,),
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    yield
    for _, definition in indexes:
        cursor.execute(definition)


def _history(cursor: CursorWrapper, table: str, history: str, changes: int, now: datetime) -> None:
    """How every row was made, and so many changes of its daily budget, the last of them to what it is now."""
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s INTERSECT "
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s",
        (table, history),
    )
    columns = sorted(name for (name,) in cursor.fetchall())
    budget = "daily_budget_micros"
    earlier = f"{budget} / (1 + {changes} - step) AS {budget}"
    told = ", ".join(earlier if name == budget else name for name in columns)
    cursor.execute(
        f"""
        INSERT INTO {history} ({", ".join(columns)}, history_date, history_type)
        SELECT {", ".join(columns)}, history_date, history_type FROM (
            SELECT {told}, CASE step WHEN 0 THEN '+' ELSE '~' END AS history_type,
                %s - CASE step WHEN 0 THEN interval '200 days'
                    ELSE make_interval(days => ({changes} - step) * 20, mins => id::int %% 20000) END AS history_date
            FROM {table}, generate_series(0, {changes}) step WHERE step = 0 OR id %% 5 = 0
        ) given ORDER BY history_date
        """,  # noqa: S608 - names of our own tables
        (now,),
    )


def _around(now: datetime) -> None:
    """What does not grow with the spend: people, files, quarantine."""
    chance = random.Random(SEED)  # noqa: S311
    brands = list(Brand.objects.order_by("pk"))
    _people(brands, chance, now)
    _files(brands, chance, now)


def _people(brands: list[Brand], chance: random.Random, now: datetime) -> None:
    """Two hundred with roles and brands: the second sees one, the others twenty. And their tokens."""
    people = User.objects.bulk_create(
        [User(username=f"person {number}", first_name="Person", is_staff=True) for number in range(1, 201)]
    )
    roles = [Group.objects.get(name=role.name) for role in ROLES]
    has_role = User.groups.through
    has_role.objects.bulk_create(
        [has_role(user=person, group=roles[number % 3]) for number, person in enumerate(people)]
    )
    sees = Brand.assigned_to.through
    assigned = [
        (person, brand)
        for number, person in enumerate(people)
        for brand in chance.sample(brands[1:], min(len(brands) - 1, 1 if number == 1 else 20))
    ]
    sees.objects.bulk_create([sees(brand=brand, user=person) for person, brand in assigned])
    RightsChange.objects.bulk_create(
        [
            RightsChange(
                kind=RightKind.BRAND, user=person, username=person.username, brand=brand, subject_key=str(brand.pk),
                subject=brand.name, given=True, by="person 4", at=now - timedelta(days=DAYS),
            )
            for person, brand in assigned
        ]
    )  # fmt: skip
    ApiToken.objects.bulk_create(
        [
            ApiToken(
                name=f"Feed {number}", user=person, prefix=f"bench{number:07}", digest="0" * 64,
                scopes=[Scope.SPEND_WRITE], created_at=now,
            )
            for number, person in enumerate(people[:60])
        ]
    )  # fmt: skip


def _files(brands: list[Brand], chance: random.Random, now: datetime) -> None:
    """Two thousand imports; of what was quarantined two hundred records wait, the others are released."""
    imports = SpendImport.objects.bulk_create(
        [
            SpendImport(
                brand=chance.choice(brands), file_name=f"spend-{hours}.csv", checksum=f"{hours:064}",
                size_bytes=10**6, source="google_ads", format="google_ads", as_of=now - timedelta(hours=hours),
                state=ImportState.DONE, rows=1_000, accepted=990, duplicates=10, read_micros=10**9,
                booked_micros=10**9, report={"days": {}}, created_at=now - timedelta(hours=hours),
                created_by="person 1", finished_at=now - timedelta(hours=hours),
            )
            for hours in range(2_000, 0, -1)
        ]
    )  # fmt: skip
    QuarantinedSpend.objects.bulk_create(
        [
            QuarantinedSpend(
                identity=UUID(int=number + 1), problem=QuarantineProblem.UNKNOWN_CAMPAIGN,
                reason="No campaign of the brand has this id.", brand=of.brand, spend_import=of,
                state=QuarantineState.OPEN if number >= 1_800 else QuarantineState.RELEASED,
                resolved_at=None if number >= 1_800 else now, mode=ImportMode.SNAPSHOT, source="google_ads",
                platform="google_ads", campaign_ref=f"ref {number % 300}", campaign_name=f"Campaign {number % 300}",
                kind=Kind.SPEND, amount_micros=12_340_000, currency="USD", spent_on=now.date(), received_at=now,
            )
            for number, of in enumerate(imports)
        ]
    )  # fmt: skip
    CampaignAlias.objects.bulk_create(
        [
            CampaignAlias(
                brand_id=campaign.brand_id, campaign=campaign, platform="google_ads",
                external_id=f"alias {campaign.pk}", created_at=now, created_by="person 1",
            )
            for campaign in Campaign.objects.order_by("pk")[:500]
        ]
    )  # fmt: skip

"""What the database itself refuses, asked through raw SQL: the code above it is taken to be wrong."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.core.management.commands.flush import Command as DjangoFlush
from django.db import IntegrityError, connection, models, transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from ads import guards
from ads.beat import ENTRIES, seed_schedule
from ads.models import (
    Alert,
    AlertNotification,
    AlertRule,
    AlertStep,
    ArchivedMonth,
    Brand,
    Campaign,
    CampaignAlias,
    EventType,
    HistoryCount,
    IdempotencyRecord,
    ImportedRecord,
    Kind,
    NotificationChannel,
    NotificationPreference,
    PlatformConnection,
    PlatformState,
    Scope,
    SealedDay,
    SpendImport,
    SpendLog,
    Waiver,
)
from ads.models.amounts import IntegerOnSqlite
from ads.rules.money import MAX_MICROS
from ads.services import BudgetService, CampaignService
from ads.services.ingest import ingest_events, ingest_snapshots
from ads.services.records import SpendEvent, SpendSnapshot
from ads.services.tokens import issue
from ads.services.webhooks import Event, emit
from ads.tests.factories import (
    BrandFactory,
    CampaignFactory,
    DaypartingScheduleFactory,
    WebhookEndpointFactory,
)
from budget_system.testing.fixtures import CommittedDatabase

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HISTORY = ["ads_spendlog", "ads_statuschange", "ads_waiver", "ads_rightschange"]
BEYOND = MAX_MICROS + 1
BOB = 1_000_000

ON_SQLITE = connection.vendor == "sqlite"
on_sqlite = pytest.mark.skipif(not ON_SQLITE, reason="exists on SQLite only")
on_postgresql = pytest.mark.skipif(ON_SQLITE, reason="exists on PostgreSQL only")

Value = str | int | float | bytes | None
Row = dict[str, Value]


@pytest.fixture
def history(db: None) -> Campaign:
    """A campaign with at least one row in every table: spend of each kind, a status change, waivers, a feed."""
    brand = BrandFactory.create(name="Acme", daily_budget=Decimal(50), monthly_budget=Decimal(900))
    campaign = CampaignFactory.create(brand=brand, name="Summer Sale", external_id="1", daily_budget=40)
    CampaignFactory.create(brand=brand, name="Winter Sale", external_id="2")
    DaypartingScheduleFactory.create(campaign=campaign, day_of_week=1)
    BudgetService.record_spend(campaign, Decimal(50), external_id="a", now=NOW)
    BudgetService.record_spend(campaign, Decimal(-1), kind=Kind.REFUND, now=NOW)
    BudgetService.record_spend(campaign, Decimal(1), kind=Kind.ADJUSTMENT, now=NOW)
    BudgetService.reset_budgets(daily=True, monthly=True, now=NOW)
    list(
        ingest_snapshots(
            [SpendSnapshot(campaign_id=campaign.pk, day=NOW.date(), amount_micros=5)], source="feed", now=NOW
        )
    )
    records = [SpendEvent(campaign_id=campaign.pk, amount_micros=1, currency="EUR")]
    list(ingest_events(records, source="feed", now=NOW))
    CampaignAlias.objects.create(
        brand=brand, campaign=campaign, platform="meta", external_id="9", created_at=NOW
    )
    spend_import = SpendImport.objects.create(
        brand=brand, file_name="may.csv", checksum="c", size_bytes=1, as_of=NOW, created_at=NOW, state="DONE"
    )
    ImportedRecord.objects.create(
        spend_import=spend_import,
        key=uuid4(),
        campaign_id=campaign.pk,
        day=NOW.date(),
        amount_micros=1,
        log_id=1,
    )
    account = PlatformConnection.objects.create(platform="meta", own_name="us", credentials="PLATFORM_A")
    PlatformState.objects.create(
        campaign=campaign,
        connection=account,
        external_id="1",
        desired="RUNNING",
        desired_at=NOW,
        next_try_at=NOW,
    )
    for raised in (AlertNotification, AlertStep, Alert, AlertRule):  # by the spend above
        raised._base_manager.all().delete()
    AlertRule.objects.create(kind="THRESHOLD", brand=brand, campaign=campaign)
    AlertRule.objects.create(kind="THRESHOLD", brand=brand)
    AlertRule.objects.create(kind="THRESHOLD")
    alert = Alert.objects.create(key="k", kind="THRESHOLD", brand=brand, raised_at=NOW, changed_at=NOW)
    AlertStep.objects.create(alert=alert, key="k", step=50, at=NOW)
    bob = User.objects.create(pk=BOB, username="bob")
    NotificationPreference.objects.create(user=bob)
    people = NotificationChannel.objects.get(kind="people")
    AlertNotification.objects.create(alert=alert, channel=people, due_at=NOW)
    AlertNotification.objects.create(alert=alert, channel=people, user=bob, due_at=NOW)
    HistoryCount.objects.create(kind="SPEND", sort="feed", last_at=NOW)
    archived = ArchivedMonth.objects.create(
        month="2025-01-01", file_name="f", sha256="s", row_count=1, totals={}, last_id=1, archived_at=NOW
    )
    SealedDay.objects.create(
        archived_month=archived, brand=brand, campaign=campaign, spent_on="2025-01-05", source="feed",
        of_totals=False, row_count=1, amount_micros=1, first_recorded_at=NOW, last_recorded_at=NOW,
    )  # fmt: skip
    token = issue(User.objects.create_user("ann"), "ad server", [Scope.READ]).token
    IdempotencyRecord.objects.create(token=token, key="k", digest="d", created_at=NOW, started_at=NOW)
    WebhookEndpointFactory.create()
    emit([Event(EventType.ALERT_RAISED, "event:1", brand.pk, campaign.pk, {})], NOW)
    connection.check_constraints()  # or PostgreSQL refuses TRUNCATE for a reason of its own
    return campaign


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def rows(table: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
        return list(cursor.fetchall())


def refused(sql: str, match: str) -> None:
    """The database refuses the statement, for this reason."""
    with pytest.raises(IntegrityError, match=match), transaction.atomic():
        execute(sql)


class TestHistoryIsAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE {table} SET id = id",
            "UPDATE {table} SET brand_id = brand_id WHERE id = (SELECT max(id) FROM {table})",
            "DELETE FROM {table}",
            "DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table})",
            "INSERT INTO {table} SELECT * FROM {table} WHERE true ON CONFLICT (id) DO UPDATE SET brand_id = 0",
            pytest.param("INSERT OR REPLACE INTO {table} SELECT * FROM {table}", marks=on_sqlite),
            pytest.param("REPLACE INTO {table} SELECT * FROM {table}", marks=on_sqlite),
            pytest.param("UPDATE OR REPLACE {table} SET id = 1", marks=on_sqlite),
            pytest.param("UPDATE OR IGNORE {table} SET brand_id = 0", marks=on_sqlite),
            pytest.param("TRUNCATE {table}", marks=on_postgresql),
            pytest.param("TRUNCATE ads_brand, {table} RESTART IDENTITY CASCADE", marks=on_postgresql),
            pytest.param(
                "WITH gone AS (DELETE FROM {table} RETURNING id) SELECT count(*) FROM gone",
                marks=on_postgresql,
            ),
            pytest.param(
                "MERGE INTO {table} USING ads_brand ON true WHEN MATCHED THEN DELETE", marks=on_postgresql
            ),
        ],
    )
    def test_against(self, history: Campaign, statement: str) -> None:
        before = {table: rows(table) for table in HISTORY}
        assert all(before.values())
        for table in HISTORY:
            refused(statement.format(table=table), match="is append-only")
        assert {table: rows(table) for table in HISTORY} == before


def insert_copy(table: str, **changed: Value) -> None:
    """Inserts a row like the table's first one, but for these columns; with an id of its own if it has one."""
    with connection.cursor() as cursor:
        columns = [column.name for column in connection.introspection.get_table_description(cursor, table)]
        names = [name for name in columns if name != "id"]
        values = ", ".join("%s" if name in changed else name for name in names)
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} ORDER BY {columns[0]} LIMIT 1",
            [changed.pop(name) for name in names if name in changed],
        )
    assert not changed, "no such columns"


def refused_copy(table: str, match: str, **changed: Value) -> None:
    with pytest.raises(IntegrityError, match=match), transaction.atomic():
        insert_copy(table, **changed)


MAY: Row = {"kind": "MONTH", "starts_on": "2026-05-01"}
FLIGHT: Row = {"kind": "FLIGHT", "starts_on": "1970-01-01"}

# Constraint, table, and rows of which each breaks it and no other.
CHECKS: list[tuple[str, str, list[Row]]] = [
    (
        "delivery_delivered_at_where_delivered",
        "ads_delivery",
        [
            {"key": "other", "state": "DELIVERED"},
            {"key": "other", "delivered_at": "2026-05-01 00:00:00+00:00"},
            {"key": "other", "state": "LOST"},
        ],
    ),
    ("delivery_webhook_has_endpoint", "ads_delivery", [{"key": "other", "endpoint_id": None}]),
    ("alert_ended_is_resolved", "ads_alert", [{"key": "other", "ended_at": "2026-03-10 12:00:00+00:00"}]),
    ("alert_kind_known", "ads_alert", [{"key": "other", "kind": "LUCK"}, {"key": "other", "kind": ""}]),
    (
        "alertrule_campaign_has_brand",
        "ads_alertrule",
        [{"kind": "SPIKE", "brand_id": None, "campaign_id": 1}],
    ),
    ("alertrule_kind_known", "ads_alertrule", [{"kind": "LUCK"}, {"kind": ""}]),
    (
        "alertrule_numbers_in_range",
        "ads_alertrule",
        [
            {"kind": "CHANNEL_FAILING", "percent": 0},
            {"kind": "CHANNEL_FAILING", "percent": 1001},
            {"kind": "CHANNEL_FAILING", "hours": 721},
            {"kind": "CHANNEL_FAILING", "times": 1},
        ],
    ),
    ("archivedmonth_starts_on_first", "ads_archivedmonth", [{"month": "2025-01-02", "sha256": "other"}]),
    ("idempotency_answered_whole", "ads_idempotencyrecord", [{"key": "other", "answer_status": 200}]),
    (
        "brand_budgets_not_negative",
        "ads_brand",
        [{"daily_budget_micros": -1}, {"monthly_budget_micros": -1}, {"monthly_budget_micros": BEYOND}],
    ),
    ("brandperiod_kind_known", "ads_brandperiod", [FLIGHT, {"kind": "WEEK"}, {"kind": ""}]),
    (
        "brandperiod_month_starts_on_first",
        "ads_brandperiod",
        [{"kind": "MONTH", "starts_on": "2026-05-02"}, {"kind": "MONTH", "starts_on": "2026-05-31"}],
    ),
    (
        "brandperiod_budget_not_negative",
        "ads_brandperiod",
        [MAY | {"budget_micros": -1}, MAY | {"budget_micros": BEYOND}],
    ),
    (
        "campaign_budgets_not_negative",
        "ads_campaign",
        [
            {"daily_budget_micros": -1},
            {"monthly_budget_micros": -1},
            {"total_budget_micros": -1},
            {"total_budget_micros": BEYOND},
        ],
    ),
    ("campaign_flight_in_order", "ads_campaign", [{"start_date": "2026-03-02", "end_date": "2026-03-01"}]),
    (
        "campaign_active_without_reasons",
        "ads_campaign",
        [
            {"status": "ACTIVE", "reason_codes": "BRAND_DAILY"},
            {"status": "PAUSED", "reason_codes": ""},
            {"status": "INACTIVE", "reason_codes": ""},
            {"status": "COMPLETED", "reason_codes": ""},
        ],
    ),
    (
        "campaign_status_known",
        "ads_campaign",
        [
            {"status": "RUNNING", "reason_codes": "BRAND_DAILY"},
            {"status": "active", "reason_codes": "BRAND_DAILY"},
        ],
    ),
    ("campaignperiod_kind_known", "ads_campaignperiod", [{"kind": "WEEK"}, {"kind": ""}]),
    (
        "campaignperiod_month_starts_on_first",
        "ads_campaignperiod",
        [{"kind": "MONTH", "starts_on": "2026-05-02"}],
    ),
    (
        "campaignperiod_flight_is_one_row",
        "ads_campaignperiod",
        [{"kind": "FLIGHT", "starts_on": "2026-03-01"}],
    ),
    ("campaignperiod_budget_not_negative", "ads_campaignperiod", [MAY | {"budget_micros": -1}]),
    ("channel_kind_known", "ads_notificationchannel", [{"kind": "pigeon", "address": "loft 7"}]),
    (
        "channel_address_unless_people",
        "ads_notificationchannel",
        [{"kind": "slack"}, {"address": "https://x"}, {"brand_id": 1}],
    ),
    ("preference_digest_known", "ads_notificationpreference", [{"digest": "WEEKLY"}, {"digest": ""}]),
    (
        "preference_quiet_hours_whole",
        "ads_notificationpreference",
        [{"quiet_from": "22:00:00"}, {"quiet_until": "07:00:00"}],
    ),
    ("schedule_day_of_week_known", "ads_daypartingschedule", [{"day_of_week": 7}, {"day_of_week": -1}]),
    ("schedule_not_empty", "ads_daypartingschedule", [{"start_time": "09:00:00", "end_time": "09:00:00"}]),
    (
        "importedrecord_in_range",
        "ads_importedrecord",
        [{"before_micros": BEYOND}, {"amount_micros": -BEYOND}],
    ),
    (
        "quarantine_resolved_when",
        "ads_quarantinedspend",
        [{"identity": uuid4().hex, "state": "RELEASED"}, {"identity": uuid4().hex, "state": "GONE"}],
    ),
    ("campaignalias_id_or_name", "ads_campaignalias", [{"name": "Sale"}, {"external_id": ""}]),
    ("spendimport_rows_add_up", "ads_spendimport", [{"rows": 3}, {"rows": -1, "accepted": -1}]),
    (
        "snapshotvalue_in_range",
        "ads_snapshotvalue",
        [{"amount_micros": BEYOND}, {"amount_micros": -BEYOND}],
    ),
    ("spendlog_external_id_not_empty", "ads_spendlog", [{"external_id": ""}]),
    (
        "spendlog_sign_fits_kind",
        "ads_spendlog",
        [
            {"kind": "SPEND", "amount_micros": 0},
            {"kind": "SPEND", "amount_micros": -1},
            {"kind": "SPEND", "amount_micros": BEYOND},
            {"kind": "REFUND", "amount_micros": 0},
            {"kind": "REFUND", "amount_micros": 1},
            {"kind": "REFUND", "amount_micros": -BEYOND},
            {"kind": "ADJUSTMENT", "amount_micros": 0},
            {"kind": "ADJUSTMENT", "amount_micros": BEYOND},
            {"kind": "BONUS", "amount_micros": 1},
        ],
    ),
    (
        "platformstate_known",
        "ads_platformstate",
        [
            {"desired": "STOPPED"},
            {"desired": ""},
            {"requested": "GONE", "requested_at": "2026-03-10"},
            {"observed": "running", "observed_at": "2026-03-10"},
        ],
    ),
    (
        "platformstate_observed_whole",
        "ads_platformstate",
        [{"observed": "GONE"}, {"observed_at": "2026-03-10"}],
    ),
    (
        "platformstate_requested_whole",
        "ads_platformstate",
        [{"requested": "PAUSED"}, {"requested_at": "2026-03-10"}],
    ),
    ("rightschange_kind_known", "ads_rightschange", [{"kind": "LUCK"}, {"kind": ""}]),
    ("waiver_never_of_a_flight", "ads_waiver", [FLIGHT]),
    ("waiver_not_zero", "ads_waiver", [{"amount_micros": 0}, {"amount_micros": BEYOND}]),
]

# What a copy of a row keeps makes it a second one; the rest is changed so that only this key is broken.
UNIQUE: list[tuple[str, str, Row]] = [
    ("archivedmonth_unique", "ads_archivedmonth", {"sha256": "other"}),
    ("sealedday_unique", "ads_sealedday", {}),
    ("alert_once_until_ended", "ads_alert", {}),
    ("alertrule_one_everywhere", "ads_alertrule", {"brand_id": None, "campaign_id": None}),
    ("alertrule_one_of_brand", "ads_alertrule", {"campaign_id": None}),
    ("alertrule_one_of_campaign", "ads_alertrule", {}),
    ("alertstep_once_until_rearmed", "ads_alertstep", {}),
    ("brandperiod_unique", "ads_brandperiod", {}),
    ("campaign_unique_name_in_brand", "ads_campaign", {"external_id": "3"}),
    ("campaign_unique_external_id", "ads_campaign", {"name": "Another"}),
    ("campaignalias_unique", "ads_campaignalias", {}),
    ("campaignperiod_unique", "ads_campaignperiod", {}),
    ("historycount_unique", "ads_historycount", {}),
    ("idempotency_unique_key", "ads_idempotencyrecord", {}),
    ("importedrecord_once", "ads_importedrecord", {}),
    ("channel_people_once", "ads_notificationchannel", {}),
    ("notification_one_to_compose", "ads_alertnotification", {}),
    ("notification_one_to_compose_for_person", "ads_alertnotification", {"user_id": BOB}),
    ("platformconnection_unique_account", "ads_platformconnection", {}),
    ("statuschange_unique_sequence", "ads_statuschange", {}),
]

# No brand has a period of this kind at all.
IMPLIED_BY_KIND_KNOWN = {"brandperiod_flight_is_one_row"}


def named_constraints() -> list[tuple[type[models.Model], models.BaseConstraint]]:
    return [
        (model, constraint)
        for model in apps.get_app_config("ads").get_models()
        for constraint in model._meta.constraints
    ]


class TestConstraints:
    @pytest.mark.parametrize(("name", "table", "wrong"), CHECKS)
    def test_a_check_refuses(self, history: Campaign, name: str, table: str, wrong: list[Row]) -> None:
        for changed in wrong:
            refused_copy(table, rf"\b{name}\b", **changed)

    @pytest.mark.parametrize(("name", "table", "changed"), UNIQUE)
    def test_a_key_refuses_a_second_row(self, history: Campaign, name: str, table: str, changed: Row) -> None:
        with connection.cursor() as cursor:
            key = connection.introspection.get_constraints(cursor, table)[name]
        columns = ", ".join(f"{table}.{column}" for column in key["columns"])
        refused_copy(table, columns if ON_SQLITE else rf"\b{name}\b", **changed)

    @pytest.mark.parametrize(
        ("table", "key"),
        [
            ("ads_brand", "name"),
            ("ads_spendkey", "p?key"),
            ("ads_snapshotvalue", "p?key"),
            ("ads_snapshotday", "p?key"),
            ("ads_quarantinedspend", "identity"),
            ("ads_delivery", "key"),
            ("ads_deliverytarget", "name"),
        ],
    )
    def test_a_name_and_an_identity_exist_once(self, history: Campaign, table: str, key: str) -> None:
        refused_copy(table, f"(?i)unique.*{table}[._]{key}")

    def test_every_named_constraint_is_tested_here(self) -> None:
        named = {constraint.name for _, constraint in named_constraints()}
        integers = {each.name for _, each in named_constraints() if isinstance(each, IntegerOnSqlite)}
        tested = {name for name, _, _ in (*CHECKS, *UNIQUE)}
        assert named - integers - IMPLIED_BY_KIND_KNOWN == tested

    def test_what_is_just_allowed_goes_in(self, history: Campaign) -> None:
        """So that a refusal above is one of the value and not of the copying."""
        insert_copy("ads_brand", name="A", daily_budget_micros=0, monthly_budget_micros=MAX_MICROS)
        insert_copy("ads_campaign", name="B", external_id="", total_budget_micros=0)
        insert_copy("ads_campaign", name="C", external_id="", start_date="2026-03-01", end_date="2026-03-01")
        insert_copy("ads_campaign", name="D", external_id="4", status="ACTIVE", reason_codes="")
        insert_copy("ads_brandperiod", **MAY, spent_micros=-1, waived_micros=0, budget_micros=0)
        insert_copy("ads_daypartingschedule", day_of_week=6, start_time="00:00:00", end_time="00:00:00")
        insert_copy("ads_spendlog", kind="SPEND", amount_micros=MAX_MICROS)
        insert_copy("ads_spendlog", kind="REFUND", amount_micros=-1)
        insert_copy("ads_spendlog", kind="ADJUSTMENT", amount_micros=-MAX_MICROS)
        insert_copy("ads_snapshotvalue", key=uuid4().hex, amount_micros=0)
        insert_copy("ads_waiver", amount_micros=-1, kind="MONTH")

    @on_sqlite
    def test_columns_of_money_hold_integers_on_sqlite(self, history: Campaign) -> None:
        columns = [
            (model._meta.db_table, str(field.column))
            for model in apps.get_app_config("ads").get_models()
            if not model.__name__.startswith("Historical")
            for field in model._meta.concrete_fields
            if str(field.column).endswith("_micros")
        ]
        assert len(columns) == 22
        for table, column in columns:
            name = table.removeprefix("ads_")
            refused_copy(table, f"{name}_integer_micros", **{column: 10.5})
            refused_copy(table, f"CHECK constraint failed: {name}_", **{column: "ten"})
            refused_copy(table, f"CHECK constraint failed: {name}_", **{column: b"10"})


def spend(campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, Decimal(1))


def status_change(campaign: Campaign) -> None:
    CampaignService.switch_off(campaign)


def waiver(campaign: Campaign) -> None:
    Waiver.objects.create(
        brand=campaign.brand, campaign=campaign, kind="DAY", starts_on=NOW.date(), amount_micros=1, at=NOW
    )


def delete_raw(*tables: str) -> None:
    """Deletes all rows of these tables, in order, in one transaction: keys are checked when it commits."""
    with transaction.atomic():
        for table in tables:
            execute(f"DELETE FROM {table}")


@pytest.mark.django_db(transaction=True)
class TestWhatHistoryRefersToStays:
    """Raw DELETEs; the rows that Django itself would have removed as well are removed first."""

    WITH_CAMPAIGNS = ("ads_campaignperiod", "ads_daypartingschedule", "ads_campaign")
    WITH_BRANDS = ("ads_brandperiod", "ads_brand")

    @pytest.mark.parametrize("happens", [spend, status_change, waiver])
    def test_a_campaign_with_history(self, happens: Callable[[Campaign], None]) -> None:
        happens(CampaignFactory.create())
        with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
            delete_raw(*self.WITH_CAMPAIGNS)
        assert Campaign.objects.count() == 1

    def test_a_brand_with_campaigns(self) -> None:
        CampaignFactory.create()
        with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
            delete_raw(*self.WITH_BRANDS)
        assert Brand.objects.count() == 1

    def test_a_brand_with_waivers(self) -> None:
        brand = BrandFactory.create()
        Waiver.objects.create(brand=brand, kind="DAY", starts_on=NOW.date(), amount_micros=1, at=NOW)
        with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
            delete_raw(*self.WITH_BRANDS)
        assert Brand.objects.count() == 1

    def test_but_nothing_else_does(self) -> None:
        CampaignFactory.create()
        delete_raw(*self.WITH_CAMPAIGNS, *self.WITH_BRANDS)
        assert not Brand.objects.exists()


def guard_names() -> list[str]:
    ways = ("no_update", "no_delete") if ON_SQLITE else ("append_only", "no_truncate")
    return [f"{table}_{way}" for table in HISTORY for way in ways]


def table_of(guard: str) -> str:
    return next(table for table in HISTORY if guard.startswith(table))


def drop(guard: str) -> None:
    execute(f"DROP TRIGGER {guard}" + ("" if ON_SQLITE else f" ON {table_of(guard)}"))


def drop_all() -> None:
    for guard in guard_names():
        drop(guard)
    assert guards.missing() == guard_names()


def errors(identity: str) -> list[str]:
    found = run_checks(tags=["database"], databases=["default"])
    return [message.msg for message in found if message.id == identity]


@pytest.mark.django_db
class TestTheCheckOfTheGuards:
    def test_finds_nothing_where_all_stand(self) -> None:
        assert guards.missing() == []
        assert errors("ads.E001") == []

    def test_names_each_guard_that_was_dropped(self) -> None:
        for gone, guard in enumerate(guard_names(), start=1):
            drop(guard)
            assert guards.missing() == guard_names()[:gone]
        assert errors("ads.E001") == [f"The guard {guard} is missing." for guard in guard_names()]
        with pytest.raises(SystemCheckError, match=r"ads\.E001"):
            call_command("check", databases=["default"])

    def test_finds_a_guard_of_another_name(self) -> None:
        guard = guard_names()[0]
        if ON_SQLITE:
            drop(guard)
            execute("CREATE TRIGGER other BEFORE UPDATE ON ads_spendlog BEGIN SELECT 1; END")
        else:
            execute(f"ALTER TRIGGER {guard} ON ads_spendlog RENAME TO other")
        assert errors("ads.E001") == [f"The guard {guard} is missing."]

    def test_finds_a_guard_on_another_table(self) -> None:
        guard = guard_names()[0]
        drop(guard)
        if ON_SQLITE:
            execute(f"CREATE TRIGGER {guard} BEFORE UPDATE ON ads_brand BEGIN SELECT 1; END")
        else:
            execute(
                f"CREATE TRIGGER {guard} BEFORE UPDATE ON ads_brand FOR EACH ROW EXECUTE FUNCTION ads_append_only()"
            )
        assert errors("ads.E001") == [f"The guard {guard} is missing."]

    @on_postgresql
    def test_finds_a_guard_that_is_switched_off(self) -> None:
        execute("ALTER TABLE ads_waiver DISABLE TRIGGER ads_waiver_append_only")
        assert errors("ads.E001") == ["The guard ads_waiver_append_only is missing."]


@pytest.mark.django_db
class TestTheCheckOfTheSchedule:
    def test_finds_nothing_in_the_schedule_as_it_is_made(self) -> None:
        assert PeriodicTask.objects.count() == len(ENTRIES)
        assert errors("ads.E002") == []

    def test_names_an_entry_whose_task_no_worker_knows(self) -> None:
        PeriodicTask.objects.filter(name="Open new days").update(task="ads.tasks.reset_spends")
        assert errors("ads.E002") == [
            "The schedule entry “Open new days” names the task ads.tasks.reset_spends, which no worker knows."
        ]
        with pytest.raises(SystemCheckError, match=r"ads\.E002"):
            call_command("check", databases=["default"])

    def test_leaves_an_entry_alone_that_is_disabled(self) -> None:
        PeriodicTask.objects.filter(name="Open new days").update(task="ads.tasks.reset_spends", enabled=False)
        assert errors("ads.E002") == []


@pytest.mark.django_db(transaction=True)
class TestGuardsComeBack:
    def test_with_the_next_migrate(self) -> None:
        drop_all()
        call_command("migrate", verbosity=0)
        assert guards.missing() == []

    def test_after_flush_which_empties_everything(self, history: Campaign) -> None:
        call_command("flush", interactive=False, verbosity=0)
        tables = [model._meta.db_table for model in apps.get_app_config("ads").get_models()]
        filled = {table for table in tables if rows(table)}
        assert filled == {
            "ads_alertrule",
            "ads_historicalalertrule",
            "ads_notificationchannel",
        }  # seeded again
        assert NotificationChannel.objects.get().kind == "people"
        assert guards.missing() == []
        assert PeriodicTask.objects.count() == len(ENTRIES)
        spend(CampaignFactory.create())
        refused("UPDATE ads_spendlog SET amount_micros = 2", match="ads_spendlog is append-only")
        refused("DELETE FROM ads_spendlog", match="ads_spendlog is append-only")

    def test_when_flush_fails(self, history: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(self: DjangoFlush, **options: object) -> None:
            execute("DELETE FROM ads_spendlog")
            raise RuntimeError

        monkeypatch.setattr(DjangoFlush, "handle", fail)
        with pytest.raises(RuntimeError):
            call_command("flush", interactive=False)
        assert guards.missing() == []
        assert SpendLog.objects.count() == 4

    @pytest.mark.parametrize("turn", [1, 2])
    def test_between_tests_that_commit(self, turn: int) -> None:
        """Django's own TransactionTestCase empties the database with flush: each turn finds it new."""
        assert not SpendLog.objects.exists()
        assert guards.missing() == []
        spend(CampaignFactory.create())


def test_a_rebuilt_table_is_guarded_again_by_the_next_migrate(committed_database: CommittedDatabase) -> None:
    spend(CampaignFactory.create())
    old = SpendLog._meta.get_field("description")
    new = models.CharField(max_length=300, blank=True, default="")
    new.set_attributes_from_name("description")
    new.model = SpendLog
    with connection.schema_editor() as editor:
        editor.alter_field(SpendLog, old, new)
    lost = ["ads_spendlog_no_update", "ads_spendlog_no_delete"] if ON_SQLITE else []
    assert guards.missing() == lost
    call_command("migrate", verbosity=0)
    assert guards.missing() == []
    refused("DELETE FROM ads_spendlog", match="ads_spendlog is append-only")


@pytest.mark.django_db
class TestSeedingTheSchedule:
    def test_makes_an_interval_entry_for_each_task_that_expires_before_its_next_run(self) -> None:
        made = PeriodicTask.objects.values_list(
            "name", "task", "interval__every", "expire_seconds", "enabled"
        )
        assert set(made) == {
            ("Enforce what is due", "ads.tasks.enforce_dayparting", 20, 20, True),
            ("Open new days", "ads.tasks.reset_daily_monthly_spends", 60, 60, True),
            ("Sweep everything", "ads.tasks.enforce_budgets", 300, 300, True),
            ("Go on with imports", "ads.tasks.go_on_with_imports", 20, 20, True),
            ("Check alerts", "ads.tasks.check_alerts", 60, 60, True),
            ("Deliver effects", "ads.tasks.deliver_effects", 10, 10, True),
            ("Look after deliveries", "ads.tasks.look_after_deliveries", 600, 600, True),
            ("Work on platforms", "ads.tasks.work_on_platforms", 15, 15, True),
            ("Verify the ledger", "ads.tasks.verify_ledger", 600, 600, True),
            ("Forget answered requests", "ads.tasks.forget_answered_requests", 3600, 3600, True),
            ("Forget what has expired", "ads.tasks.forget_expired", 86_400, 86_400, True),
            ("Show that work is done", "ads.tasks.heartbeat", 20, 20, True),
            ("Count what happened", "ads.tasks.count_history", 30, 30, True),
        }
        assert set(PeriodicTask.objects.values_list("interval__period", flat=True)) == {"seconds"}

    def test_never_undoes_what_a_person_changed(self) -> None:
        slower, _ = IntervalSchedule.objects.get_or_create(every=2, period=IntervalSchedule.MINUTES)
        changed = PeriodicTask.objects.get(name="Enforce what is due")
        changed.interval, changed.enabled, changed.description = slower, False, "Not on weekends"
        changed.expire_seconds = 90
        changed.save()
        before = list(PeriodicTask.objects.order_by("pk").values())
        seed_schedule()
        seed_schedule()
        assert list(PeriodicTask.objects.order_by("pk").values()) == before

    def test_makes_what_is_missing_and_nothing_twice(self) -> None:
        PeriodicTask.objects.filter(name="Open new days").delete()
        seed_schedule()
        assert (
            PeriodicTask.objects.filter(
                name="Open new days", task="ads.tasks.reset_daily_monthly_spends"
            ).count()
            == 1
        )
        assert PeriodicTask.objects.count() == len(ENTRIES)

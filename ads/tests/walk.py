"""A walk through every address as every kind of person: what there is, who goes, and what they meet."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from ads.models import (
    Alert,
    AlertRule,
    ApiToken,
    ArchivedMonth,
    Brand,
    Campaign,
    CampaignAlias,
    Delivery,
    EventType,
    ImportState,
    JobProgress,
    NotificationChannel,
    PlatformConnection,
    PlatformState,
    RightsChange,
    Scope,
    SpendImport,
    WebhookEndpoint,
)
from ads.rights import ACCOUNT_MANAGER, ADMINISTRATOR, TRAFFICKER, VIEWER, Role
from ads.services import BudgetService, CampaignService, endpoints, ingest, tokens, webhooks
from ads.services.records import SpendEvent, SpendSnapshot
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON
from ads.tests.people import take_role

# In the order of the tables' letters.
PEOPLE: dict[str, tuple[Role | None, str]] = {
    "anonymous": (None, ""),
    "without a role": (None, "Acme"),
    "viewer without brands": (VIEWER, ""),
    "viewer of another brand": (VIEWER, "Zenith"),
    "manager of another brand": (ACCOUNT_MANAGER, "Zenith"),
    "viewer": (VIEWER, "Acme"),
    "trafficker": (TRAFFICKER, "Acme"),
    "account manager": (ACCOUNT_MANAGER, "Acme"),
    "administrator": (ADMINISTRATOR, ""),
}
# What nobody may read who has no right to the brand.
SECRETS = {"Acme": ("Acme", "Summer Sale", "77.31"), "Zenith": ("Zenith", "Secret Launch", "88.42")}


LATER = timedelta(minutes=1)  # than all that is counted


@dataclass
class World:
    """Two brands with one of everything, and a browser and a token for each kind of person."""

    brand: Brand
    campaign: Campaign
    users: dict[str, User] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def browser(self, who: str) -> Client:
        client = Client(raise_request_exception=False)
        if who in self.users:
            client.force_login(self.users[who])
        return client

    def row(self, model: type[Model]) -> Model:
        """A row of the model; Acme's where it belongs to a brand."""
        if model is User:
            return self.users["viewer"]
        if model is ApiToken:
            return ApiToken.objects.get(user=self.users["trafficker"])
        if model is WebhookEndpoint:
            return WebhookEndpoint.objects.get(owner=self.users["account manager"])
        if model is Delivery:
            owner = self.users["account manager"]
            return Delivery.objects.filter(endpoint__owner=owner, brand=self.brand).earliest("pk")
        rows: Any = model._default_manager
        if hasattr(rows.all(), "path_to_brand"):
            rows = rows.filter(**{rows.all().path_to_brand: self.brand.pk})
        found: Model | None = rows.order_by("pk").first()
        assert found is not None, f"the world has no {model._meta.label}; add one where it is made"
        return found


def make_world() -> World:
    """Acme, which is to be seen only by those who have a right to it, and Zenith, with all that a brand can have."""
    account = PlatformConnection.objects.create(
        adapter="http", platform="dsp", account="7", credentials="PLATFORM_DSP", own_name="us"
    )
    for name, (_, campaign_name, amount) in SECRETS.items():
        brand = BrandFactory.create(name=name, daily_budget=Decimal(200))
        campaign = CampaignFactory.create(brand=brand, name=campaign_name, daily_budget=Decimal(50))
        DaypartingScheduleFactory.create(campaign=campaign)
        BudgetService.record_spend(campaign, Decimal(amount), external_id=name.lower())
        BudgetService.reset_budgets(brands=[brand])
        totals = [SpendSnapshot(campaign_id=campaign.pk, day=NOON.date(), amount_micros=5_000_000)]
        list(ingest.ingest_snapshots(totals, source=f"feed of {name}", now=NOON))
        event = SpendEvent(campaign_id=campaign.pk, amount_micros=1, currency="XXX", external_id="x")
        list(ingest.ingest_events([event], source=f"feed of {name}", now=NOON))
        CampaignAlias.objects.create(
            brand=brand, campaign=campaign, platform="meta", name=campaign_name, created_at=NOON + LATER
        )
        SpendImport.objects.create(
            brand=brand, file_name=f"{name}.csv", checksum="c", size_bytes=1, as_of=NOON, created_at=NOON,
            state=ImportState.DONE, file="gone.csv",
        )  # fmt: skip
        AlertRule.objects.create(name=f"Spikes of {name}", kind="SPIKE", times=2, brand=brand)
        NotificationChannel.objects.create(
            name=f"Team of {name}",
            kind="slack",
            brand=brand,
            address="https://slack.example/x",
            created_at=NOON,
        )
        brand.daily_budget = Decimal(300)
        brand.save()
        campaign.daily_budget = Decimal(60)
        campaign.save()
        CampaignService.switch_off(campaign)
        PlatformState.objects.create(
            campaign=campaign,
            connection=account,
            external_id=name,
            desired="PAUSED",
            desired_at=NOON,
            drift_since=NOON,
            next_try_at=NOON,
            last_error=f"{campaign_name} is not there",
        )
    JobProgress.objects.create(name="verify_ledger", position=7)
    AccessAttempt.objects.create(username="viewer", ip_address="203.0.113.9", failures_since_start=1)
    ArchivedMonth.objects.create(
        month=date(2024, 1, 1), file_name="spend-2024-01-3f2a.parquet", sha256="3f2a", row_count=2,
        totals={"EUR": 7_000_000, "USD": 1}, last_id=2, archived_at=NOON, sealed_at=NOON,
    )  # fmt: skip
    CrontabSchedule.objects.create()
    SolarSchedule.objects.create(event="sunrise", latitude=0, longitude=0)
    ClockedSchedule.objects.create(clocked_time=NOON)
    world = World(Brand.objects.get(name="Acme"), Campaign.objects.get(brand__name="Acme"))
    for who, (role, brand_name) in PEOPLE.items():
        if who == "anonymous":
            continue
        user = User.objects.create_user(who.replace(" ", "."), is_staff=True)
        user.brands.set(Brand.objects.filter(name=brand_name))
        world.users[who] = take_role(user, *([role] if role else []))
        world.tokens[who] = tokens.issue(user, "all scopes", Scope.values).text
    for who in ("account manager", "manager of another brand", "administrator"):
        endpoints.make(
            world.users[who], f"of the {who}", "https://receiver.example/", EventType.values, now=NOON
        )
    for campaign in Campaign.objects.order_by("pk"):
        happened = webhooks.Event(
            EventType.ALERT_RAISED, f"event:{campaign.pk}", campaign.brand_id, campaign.pk,
            {"brand_name": campaign.brand.name, "campaign_name": campaign.name},
        )  # fmt: skip
        webhooks.emit([happened], NOON)
    assert IntervalSchedule.objects.exists()
    assert PeriodicTask.objects.exists()
    assert Group.objects.exists()
    return world


@dataclass(frozen=True)
class Place:
    """One address: the name that tables know it by, and the path to go there."""

    name: str
    path: str
    model: type[Model] | None = None
    page: str = ""


def places(world: World, arguments: dict[str, Any]) -> Iterator[Place]:
    """Every address of the site but those of the API; each act of a row on its own."""
    for route, pattern, namespace in _patterns(get_resolver()):
        if namespace == "api":
            continue
        model, page = _model_page(pattern.name or "") if namespace == "admin" else (None, "")
        if model is None and namespace == "admin" and "<path:object_id>/" in route and not pattern.name:
            model, page = _model_at(route), "old address"
        for given in _arguments(world, pattern, model, page, arguments):
            path = _filled(route, given)
            label = f"{namespace}:" if namespace else ""
            name = f"{label}{pattern.name or route}"
            page_of = f"act {given['act']}" if page == "act" else page
            yield Place(name, path, model, page_of)


def api_paths() -> set[str]:
    """Every address of the API as the resolver has it."""
    return {
        route.removeprefix("api/v1").replace("<int:", "{").replace(">", "}")
        for route, _, namespace in _patterns(get_resolver())
        if namespace == "api"
    }


def _patterns(
    resolver: URLResolver, prefix: str = "", namespace: str = ""
) -> Iterator[tuple[str, URLPattern, str]]:
    for each in resolver.url_patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _patterns(each, route, each.namespace or namespace)
        else:
            yield route, each, namespace


def _model_page(name: str) -> tuple[type[Model] | None, str]:
    for model in admin.site._registry:
        start = f"{model._meta.app_label}_{model._meta.model_name}_"
        if name.startswith(start):
            return model, name.removeprefix(start)
    return None, ""


def _model_at(route: str) -> type[Model]:
    _, app_label, model_name, _ = route.split("/", 3)
    return apps.get_model(app_label, model_name)


def _arguments(
    world: World, pattern: URLPattern, model: type[Model] | None, page: str, known: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    given: dict[str, Any] = {}
    for name in pattern.pattern.converters:
        if name == "act":
            continue
        if model is not None and name in {"object_id", "id"}:
            given[name] = world.row(model).pk
        elif model is not None and page == "put_back":
            given |= dict(zip(("kind", "key"), a_change(world, model), strict=True))
        elif model is not None and name == "version_id":
            history: Any = world.row(model)
            given[name] = history.history.latest().pk
        elif name == "pk" and str(pattern.name).startswith("campaign"):
            given[name] = world.campaign.pk
        elif name == "pk" and str(pattern.name).startswith("alert"):
            given[name] = world.row(Alert).pk
        else:
            assert name in known, f"{pattern}: say in ARGUMENTS what {name} is"
            given[name] = known[name]
    if page != "act":
        yield given
        return
    registered: Any = admin.site._registry[model] if model is not None else None
    for act in registered.acts or ["none"]:
        yield given | {"act": act}


def a_change(world: World, model: type[Model]) -> tuple[str, int]:
    """A change that can be put back: of a budget, or of a right."""
    row: Any = world.row(model)
    if model in {Brand, Campaign}:
        return "settings", row.history.filter(history_type="~").earliest().history_id
    changes = RightsChange.objects.filter(user=row) if model is User else RightsChange.objects.all()
    return "rights", changes.earliest("pk").pk


def _filled(route: str, given: dict[str, Any]) -> str:
    path = f"/{route}".replace("\\Z", "").replace("^", "").replace("$", "")
    for name, value in given.items():
        for form in (f"<path:{name}>", f"<int:{name}>", f"<slug:{name}>", f"<str:{name}>", f"<{name}>"):
            path = path.replace(form, str(value))
    return path


def met(response: Any) -> str:
    """What somebody meets, as a letter: + in, L asked to sign in, - forbidden, . not there, m wrong method."""
    if response.status_code in {301, 302}:
        to = response.headers["Location"]
        return "L" if "/login/" in to or to.startswith("/sign-in/?next=") else "+"
    return {200: "+", 401: "L", 403: "-", 404: ".", 405: "m"}.get(
        response.status_code, str(response.status_code)
    )


def fits(expected: str, found: str) -> bool:
    """Whether somebody met what a table says; who has not the right may be told that there is nothing."""
    return found == expected or (expected == "-" and found == ".")


def everything_stored() -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, but for what merely looking leaves behind."""
    ignored = {"last_login", "last_used_at"}
    return {
        model._meta.label: list(
            model._default_manager.order_by("pk").values_list(
                *(each.attname for each in model._meta.concrete_fields if each.name not in ignored)
            )
        )
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label not in {"sessions", "contenttypes"}
    }


def content_type_of_brands() -> int:
    return ContentType.objects.get_for_model(Brand).pk

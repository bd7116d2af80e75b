"""Every address, every table of the admin and every operation of the API, as every kind of person.

What each may is said here, and nowhere else: a new address, model, action or operation fails until somebody has
said in these tables whom it is open to. Letters stand for the people of `PEOPLE`, in their order:
`+` in, `L` asked to sign in, `-` forbidden, `.` not there, `m` not by looking.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Group, User
from django.test import Client, RequestFactory
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from freezegun import freeze_time

from ads.api.root import api
from ads.models import (
    Alert,
    AlertRule,
    ApiToken,
    ArchivedMonth,
    Brand,
    BrandPeriod,
    Campaign,
    CampaignAlias,
    CampaignPeriod,
    Delivery,
    DeliveryTarget,
    EventSequence,
    JobProgress,
    NotificationChannel,
    PlatformConnection,
    PlatformState,
    QuarantinedSpend,
    RightsChange,
    SnapshotDay,
    SnapshotValue,
    SpendImport,
    SpendKey,
    SpendLog,
    StatusChange,
    Waiver,
    WebhookEndpoint,
)
from ads.tests.moments import NOON
from ads.tests.walk import (
    PEOPLE,
    SECRETS,
    Place,
    World,
    a_change,
    api_paths,
    content_type_of_brands,
    everything_stored,
    fits,
    make_world,
    met,
    places,
)

#          anonymous
#          | without a role
#          | | viewer without brands
#          | | | viewer of another brand
#          | | | | manager of another brand
#          | | | | | viewer
#          | | | | | | trafficker
#          | | | | | | | account manager
#          | | | | | | | | administrator
ANYBODY = "+ + + + + + + + +"
SIGNED_IN = "L + + + + + + + +"
SEEING = "L - + + + + + + +"
ACMES = "L - . . . + + + +"  # a row of Acme, to look at
MANAGERS = "L - - - . - - + +"  # a row of Acme, to be changed
MANAGERS_OF_ANY = "L - - - + - - + +"  # a page that needs no row
TRAFFICKERS_OF_ANY = "L - - - + - + + +"
ADMINISTRATORS = "L - - - - - - - +"
OF_THE_TRAFFICKER = "L - . . . . + . +"  # what is theirs, and what who manages people sees
ROW_OF_ACME = "L . . . . + + + +"
ROW_TO_MANAGE = "L . . . . - - + +"
ROW_TO_SWITCH = "L . . . . - + + +"
ONLY_POST = "L m m m m m m m m"
NOBODY = "L - - - - - - - -"
NOT_THERE = "L . . . . . . . ."
POST_TRAFFICKERS = "L - - - . - m m m"
POST_MANAGERS = "L - - - . - - m m"
POST_OWNERS = "L . . . . . . m m"
NOBODY_WHILE_USED = "L - - - . - - - -"


@dataclass(frozen=True)
class Pages:
    """Who meets what on the pages of a model; `acts` are buttons of a row, `actions` who has which in the list."""

    changelist: str
    change: str
    add: str = NOBODY
    delete: str = NOBODY
    acts: dict[str, str] = field(default_factory=dict)
    actions: dict[str, str] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)

    def of(self, page: str) -> str:
        """What a page is said to be."""
        if page.startswith("act "):
            return self.acts[page.removeprefix("act ")]
        named = {"changelist": self.changelist, "change": self.change, "history": self.change}
        named |= {
            "add": self.add,
            "delete": self.delete,
            "old address": SIGNED_IN,
            "simple_history": SIGNED_IN,
        }
        return (named | self.more)[page]


READ_ONLY = Pages(SEEING, ACMES, acts={"none": NOT_THERE})
MACHINERY = Pages(NOBODY, NOBODY, acts={"none": NOBODY})
SCHEDULE = Pages(
    ADMINISTRATORS,
    ADMINISTRATORS,
    ADMINISTRATORS,
    ADMINISTRATORS,
    acts={"none": NOT_THERE},
    actions={"delete_selected": ADMINISTRATORS},
)
MODELS: dict[Any, Pages] = {
    SpendImport: Pages(
        SEEING,
        ACMES,
        add=MANAGERS_OF_ANY,
        acts={"record": POST_MANAGERS, "create": POST_MANAGERS, "cancel": POST_MANAGERS, "undo": MANAGERS},
        actions=dict.fromkeys(("record", "create", "cancel", "undo"), MANAGERS_OF_ANY),
        more={"progress": SEEING, "uncounted": ACMES},
    ),
    QuarantinedSpend: Pages(
        SEEING,
        ACMES,
        acts={
            "match": MANAGERS,
            "correct": MANAGERS,
            "try_again": POST_MANAGERS,
            "dismiss": MANAGERS,
            "take_up_again": POST_MANAGERS,
        },
        actions=dict.fromkeys(("match", "correct", "try_again", "dismiss", "take_up_again"), MANAGERS_OF_ANY),
    ),
    CampaignAlias: Pages(SEEING, ACMES, delete=MANAGERS, acts={"none": NOT_THERE}),
    ApiToken: Pages(
        SEEING,
        OF_THE_TRAFFICKER,
        add=SEEING,
        delete=OF_THE_TRAFFICKER,
        acts={"revoke": OF_THE_TRAFFICKER},
        actions={"revoke": SEEING},
    ),
    Alert: Pages(
        SEEING,
        ACMES,
        acts=dict.fromkeys(("acknowledge", "snooze", "resolve"), POST_MANAGERS),
        actions=dict.fromkeys(("acknowledge", "snooze", "resolve"), MANAGERS_OF_ANY),
    ),
    AlertRule: Pages(SEEING, ACMES, add=MANAGERS_OF_ANY, delete=MANAGERS, acts={"none": NOT_THERE}),
    NotificationChannel: Pages(
        MANAGERS_OF_ANY,
        MANAGERS,
        add=MANAGERS_OF_ANY,
        delete=MANAGERS,
        acts={"try_out": POST_MANAGERS},
        actions={"try_out": MANAGERS_OF_ANY},
    ),
    WebhookEndpoint: Pages(
        MANAGERS_OF_ANY,
        MANAGERS,
        add=MANAGERS_OF_ANY,
        delete=NOBODY_WHILE_USED,
        acts={
            "ping": POST_OWNERS,
            "rotate": MANAGERS,
            "switch_on": POST_OWNERS,
            "switch_off": POST_OWNERS,
        },
        actions=dict.fromkeys(("ping", "rotate", "switch_on", "switch_off"), MANAGERS_OF_ANY),
    ),
    Delivery: Pages(
        MANAGERS_OF_ANY,
        MANAGERS,
        acts={"redeliver": POST_OWNERS},
        actions={"redeliver": MANAGERS_OF_ANY},
    ),
    DeliveryTarget: MACHINERY,
    EventSequence: MACHINERY,
    Brand: Pages(
        SEEING,
        ACMES,
        add=MANAGERS_OF_ANY,
        delete=MANAGERS,
        acts={
            "switch_on": POST_TRAFFICKERS,
            "switch_off": POST_TRAFFICKERS,
            "reset_budgets": MANAGERS,
            "archive": POST_MANAGERS,
            "restore": POST_MANAGERS,
        },
        actions={
            "switch_on": TRAFFICKERS_OF_ANY,
            "switch_off": TRAFFICKERS_OF_ANY,
            "change_budgets": MANAGERS_OF_ANY,
            "reset_budgets": MANAGERS_OF_ANY,
            "archive": MANAGERS_OF_ANY,
            "restore": MANAGERS_OF_ANY,
            "delete_selected": MANAGERS_OF_ANY,
        },
        more={"put_back": MANAGERS},
    ),
    Campaign: Pages(
        SEEING,
        ACMES,
        add=MANAGERS_OF_ANY,
        delete=MANAGERS,
        acts={
            "switch_on": POST_TRAFFICKERS,
            "switch_off": POST_TRAFFICKERS,
            "copy": POST_MANAGERS,
            "archive": POST_MANAGERS,
            "restore": POST_MANAGERS,
        },
        actions={
            "switch_on": TRAFFICKERS_OF_ANY,
            "switch_off": TRAFFICKERS_OF_ANY,
            "change_budgets": MANAGERS_OF_ANY,
            "copy": MANAGERS_OF_ANY,
            "archive": MANAGERS_OF_ANY,
            "restore": MANAGERS_OF_ANY,
            "delete_selected": MANAGERS_OF_ANY,
        },
        more={"put_back": MANAGERS, "choices": SEEING},
    ),
    SpendLog: Pages(
        SEEING, ACMES, add=MANAGERS_OF_ANY, acts={"reverse": MANAGERS}, actions={"reverse": MANAGERS_OF_ANY}
    ),
    StatusChange: READ_ONLY,
    BrandPeriod: READ_ONLY,
    CampaignPeriod: READ_ONLY,
    Waiver: READ_ONLY,
    RightsChange: Pages(ADMINISTRATORS, ADMINISTRATORS, acts={"none": NOT_THERE}),
    ArchivedMonth: Pages(ADMINISTRATORS, ADMINISTRATORS, acts={"none": NOT_THERE}),
    PlatformConnection: Pages(
        ADMINISTRATORS,
        ADMINISTRATORS,
        ADMINISTRATORS,
        ADMINISTRATORS,
        acts={"read_one": "L - - - - - - - m"},
        actions={"read_one": ADMINISTRATORS, "delete_selected": ADMINISTRATORS},
    ),
    PlatformState: Pages(
        SEEING, ACMES, acts={"try_again": POST_TRAFFICKERS}, actions={"try_again": TRAFFICKERS_OF_ANY}
    ),
    SpendKey: MACHINERY,
    SnapshotValue: MACHINERY,
    SnapshotDay: MACHINERY,
    JobProgress: MACHINERY,
    AccessAttempt: Pages(
        ADMINISTRATORS,
        ADMINISTRATORS,
        acts={"unlock": "L - - - - - - - m"},
        actions={"unlock": ADMINISTRATORS},
    ),
    User: Pages(
        ADMINISTRATORS,
        ADMINISTRATORS,
        ADMINISTRATORS,
        ADMINISTRATORS,
        acts=dict.fromkeys(("unlock", "reset_two_factor"), "L - - - - - - - m"),
        more={"password_change": ADMINISTRATORS, "put_back": ADMINISTRATORS},
    ),
    Group: Pages(ADMINISTRATORS, ADMINISTRATORS, acts={"none": NOT_THERE}, more={"put_back": NOBODY}),
    PeriodicTask: Pages(
        ADMINISTRATORS,
        ADMINISTRATORS,
        ADMINISTRATORS,
        ADMINISTRATORS,
        acts={"none": NOT_THERE},
        actions=dict.fromkeys(
            ("enable_tasks", "disable_tasks", "toggle_tasks", "run_tasks", "delete_selected"), ADMINISTRATORS
        ),
    ),
    IntervalSchedule: SCHEDULE,
    CrontabSchedule: SCHEDULE,
    SolarSchedule: SCHEDULE,
    ClockedSchedule: SCHEDULE,
}

PAGES = {
    "no-such-address": ". . . . . . . . .",
    "dashboard:sign-in": ANYBODY,
    "dashboard:sign-in-code": "+ + + + + + + + +",
    "dashboard:sign-out": "m m m m m m m m m",
    "dashboard:overview": SIGNED_IN,
    "dashboard:overview-live": SIGNED_IN,
    "dashboard:search": SIGNED_IN,
    "dashboard:notifications": SIGNED_IN,
    "dashboard:two-factor": SIGNED_IN,
    "dashboard:reports": SIGNED_IN,
    "dashboard:reports-csv": SIGNED_IN,
    "dashboard:reports-xlsx": SIGNED_IN,
    "dashboard:brand": ROW_OF_ACME,
    "dashboard:brand-live": ROW_OF_ACME,
    "dashboard:brand-budget": ROW_TO_MANAGE,
    "dashboard:brand-switch": ROW_TO_SWITCH,
    "dashboard:brand-reset": ROW_TO_MANAGE,
    "dashboard:brand-timezone": ROW_TO_MANAGE,
    "dashboard:brand-put-back": ROW_TO_MANAGE,
    "dashboard:brand-campaign-switch": ONLY_POST,
    "dashboard:alerts": SIGNED_IN,
    "dashboard:alert-act": ONLY_POST,
    "dashboard:campaigns": SIGNED_IN,
    "dashboard:campaign": ROW_OF_ACME,
    "dashboard:campaign-live": ROW_OF_ACME,
    "dashboard:campaign-moment": ROW_OF_ACME,
    "dashboard:campaign-changes": ROW_OF_ACME,
    "dashboard:campaign-switch": ONLY_POST,
    "dashboard:campaign-settings": ROW_TO_SWITCH,
    "dashboard:campaign-schedule": ONLY_POST,
    "dashboard:campaign-day": ROW_TO_SWITCH,
    "dashboard:campaign-reset": ROW_TO_MANAGE,
    "admin:index": SIGNED_IN,
    "admin:search": SIGNED_IN,
    "admin-sign-in": SIGNED_IN,
    "admin:login": SIGNED_IN,
    "admin:logout": "+ m m m m m m m m",
    "admin:password_change": SIGNED_IN,
    "admin:password_change_done": SIGNED_IN,
    "admin:autocomplete": SEEING,
    "admin:jsi18n": SIGNED_IN,
    "admin:view_on_site": NOT_THERE,
    "admin:app_list": "L . + + + + + + +",
    "admin:admin/(?P<url>.*)$": NOT_THERE,
}

# method and path, who with a token of all scopes, and what is sent
OPERATIONS: dict[tuple[str, str], tuple[str, Any]] = {
    ("get", "/spend"): (SEEING, None),
    ("post", "/spend"): (MANAGERS_OF_ANY, []),
    ("post", "/spend/snapshots"): (MANAGERS_OF_ANY, []),
    ("get", "/brands"): (SEEING, None),
    ("get", "/brands/{brand_id}"): (ACMES, None),
    ("patch", "/brands/{brand_id}"): (MANAGERS, {"daily_budget": "1.00"}),
    ("get", "/brands/{brand_id}/status-changes"): (ACMES, None),
    ("get", "/campaigns"): (SEEING, None),
    ("get", "/campaigns/{campaign_id}"): (ACMES, None),
    ("patch", "/campaigns/{campaign_id}"): (MANAGERS, {"total_budget": "1.00"}),
    ("post", "/campaigns/{campaign_id}/switch-off"): ("L - - - . - + + +", None),
    ("post", "/campaigns/{campaign_id}/switch-on"): ("L - - - . - + + +", None),
    ("get", "/serving"): (SEEING, None),
    ("get", "/status-changes"): (SEEING, None),
    ("get", "/alerts"): (SEEING, None),
    ("post", "/alerts/{alert_id}/acknowledge"): (MANAGERS, None),
    ("post", "/alerts/{alert_id}/resolve"): (MANAGERS, None),
}
API_PAGES_FOR_ALL = {"/openapi.json", "/docs", "/"}

AUTOCOMPLETE = {"app_label": "ads", "model_name": "campaign", "field_name": "brand", "term": ""}
CHOICES = {"app_label": "ads", "model_name": "spendlog", "field_name": "campaign", "term": ""}
SEARCHED = {"admin:search", "admin:autocomplete"}
# All that anybody's form could mean, so that a page which forgets to ask does something.
FORGED = {
    "post": "yes",
    "action": "switch_on",
    "name": "Forged",
    "username": "forged",
    "daily_budget": "1",
    "period": "both",
    "percent": "10",
    "budgets": "daily",
    "save": "1",
    "reason": "forged",
    "amount": "1",
    "kind": "SPEND",
    "source": "forged",
    "enabled": "",
    "is_active": "",
    "is_superuser": "on",
    "schedules-TOTAL_FORMS": "0",
    "schedules-INITIAL_FORMS": "0",
}

WHO = list(PEOPLE)
POWERLESS = ["anonymous", "without a role", "viewer without brands", "viewer of another brand", "viewer"]
ON_FOOT = pytest.mark.parametrize("who", WHO)


@pytest.fixture
def world(db: None) -> Any:
    with freeze_time(NOON):
        yield make_world()


def arguments(world: World) -> dict[str, Any]:
    """What the addresses outside the admin's tables are filled with."""
    return {
        "brand_id": world.brand.pk,
        "campaign_id": world.campaign.pk,
        "content_type_id": content_type_of_brands(),
        "object_id": world.brand.pk,
        "pk": world.brand.pk,
        "campaign_pk": world.campaign.pk,
        "period": "daily",
        "number": 0,
        "kind": "brand",
        "key": a_change(world, Brand)[1],
        "what": "resolve",
    }


def all_places(world: World) -> list[Place]:
    found = list(places(world, arguments(world)))
    fixed = {
        "admin:app_list": "/admin/ads/",
        "admin:admin/(?P<url>.*)$": "/admin/nothing-here",
    }
    return [Place(each.name, fixed.get(each.name, each.path), each.model, each.page) for each in found]


def said(place: Place) -> str:
    """What the tables say of an address; fails where nobody has said it."""
    known = PAGES.get(place.name) if place.model is None else MODELS[place.model].of(place.page)
    assert known is not None, f"say in PAGES whom {place.name} is open to"
    return known


def look(browser: Client, place: Place, query: dict[str, str] | None = None) -> Any:
    needed = {"admin:autocomplete": AUTOCOMPLETE, "admin:ads_campaign_choices": CHOICES}
    return browser.get(place.path, needed.get(place.name, {}) | (query or {}))


def searches(world: World) -> list[dict[str, str]]:
    """What somebody may type into a search box, or write into an address."""
    other = Brand.objects.exclude(pk=world.brand.pk).get()
    return [
        {"q": "Acme", "s": "Acme", "extended": "1", "term": "Acme"},
        {"q": "Secret", "s": "Secret", "extended": "1", "term": "Secret"},
        {"brand__id__exact": str(world.brand.pk)},
        {"brand__id__exact": str(other.pk)},
    ]


def letter(people: str, who: str) -> str:
    """What a table says of one of the people."""
    return people.split()[WHO.index(who)]


def secrets_in(response: Any, who: str) -> list[str]:
    """What an answer tells this person of a brand that they have no right to."""
    role, theirs = PEOPLE[who]
    hidden = [] if who == "administrator" else [name for name in SECRETS if role is None or name != theirs]
    content = b"".join(response) if response.streaming else response.content
    page = content.decode(errors="replace")
    return [secret for name in hidden for secret in SECRETS[name] if secret in page]


def test_every_table_of_the_admin_is_told_of() -> None:
    assert set(admin.site._registry) == set(MODELS)


@ON_FOOT
def test_every_address_is_open_to_whom_it_is_said_and_tells_of_no_other_brand(world: World, who: str) -> None:
    browser = world.browser(who)
    wrong, told = {}, set()
    for place in all_places(world):
        response = look(browser, place)
        if not fits(letter(said(place), who), met(response)):
            wrong[place.name, place.page] = f"{met(response)} instead of {letter(said(place), who)}"
        told |= {(place.name, secret) for secret in secrets_in(response, who)}
    assert wrong == {}
    assert told == set()


@ON_FOOT
def test_no_search_finds_anything_of_another_brand(world: World, who: str) -> None:
    browser = world.browser(who)
    told = set()
    for place in all_places(world):
        if place.page not in {"changelist", "choices"} and place.name not in SEARCHED:
            continue
        for query in searches(world):
            response = look(browser, place, query)
            told |= {
                (place.name, secret)
                for secret in secrets_in(response, who)
                if secret not in query.values()  # the page repeats what was searched for
            }
    assert told == set()


@ON_FOOT
def test_actions_of_lists_are_offered_to_whom_it_is_said(world: World, who: str) -> None:
    if who == "anonymous":
        return
    request = RequestFactory().get("/")
    request.user = world.users[who]
    wrong = {}
    for model, registered in admin.site._registry.items():
        offered = set(registered.get_actions(request)) if registered.has_view_permission(request) else set()
        expected = {name for name, people in MODELS[model].actions.items() if letter(people, who) == "+"}
        if offered != expected:
            wrong[model._meta.label] = offered ^ expected
    assert wrong == {}


@pytest.mark.parametrize("who", POWERLESS)
def test_whoever_may_change_nothing_changes_nothing_by_sending_anything_anywhere(
    world: World, who: str
) -> None:
    browser = world.browser(who)
    before = everything_stored()
    for place in all_places(world):
        forged: dict[str, Any] = FORGED | ({"brand": str(world.brand.pk), "campaign": str(world.campaign.pk)})
        if place.name == "admin:logout":
            continue
        browser.post(place.path, forged)
        if place.model is not None and place.page == "changelist":
            for action in MODELS[place.model].actions:
                rows = [str(world.row(place.model).pk)]
                browser.post(place.path, forged | {"action": action, ACTION_CHECKBOX_NAME: rows})
    assert everything_stored() == before


class TestApi:
    def test_every_operation_is_told_of(self) -> None:
        described = {
            (method, path.removeprefix("/api/v1"))
            for path, methods in api.get_openapi_schema()["paths"].items()
            for method in methods
        }
        assert described == set(OPERATIONS)
        assert api_paths() - API_PAGES_FOR_ALL == {path.replace("{int:", "{") for _, path in OPERATIONS}

    @ON_FOOT
    def test_every_operation_is_open_to_whom_it_is_said(self, world: World, who: str) -> None:
        wrong = {}
        for (method, path), (people, body) in OPERATIONS.items():
            answer = self.ask(world, who, method, path, body)
            if not fits(letter(people, who), met(answer)):
                wrong[method, path] = (letter(people, who), answer.status_code, answer.content)
        assert wrong == {}

    @ON_FOOT
    def test_no_answer_tells_of_a_brand_without_a_right_to_it(self, world: World, who: str) -> None:
        for (method, path), (_, body) in OPERATIONS.items():
            assert secrets_in(self.ask(world, who, method, path, body), who) == [], path

    @pytest.mark.parametrize("who", POWERLESS)
    def test_who_may_change_nothing_changes_nothing(self, world: World, who: str) -> None:
        before = everything_stored()
        for (method, path), (_, body) in OPERATIONS.items():
            self.ask(world, who, method, path, body)
        event = [{"campaign": world.campaign.pk, "external_id": "1", "amount": "1"}]
        self.ask(world, who, "post", "/spend", event)
        assert everything_stored() == before

    def ask(self, world: World, who: str, method: str, path: str, body: Any) -> Any:
        alert_id = world.row(Alert).pk
        path = path.format(brand_id=world.brand.pk, campaign_id=world.campaign.pk, alert_id=alert_id)
        headers = {"Authorization": f"Bearer {world.tokens[who]}"} if who in world.tokens else {}
        send = getattr(Client(raise_request_exception=False), method)
        sent = "" if body is None else body  # without a type Django's client sends an empty form
        content = {} if method == "get" else {"data": sent, "content_type": "application/json"}
        return send(f"/api/v1{path}", headers=headers, **content)

"""Who may do what: scopes, the rights of the token's user, and its narrowing to brands."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from ads.models import Alert, AlertKind, Brand, Campaign, Scope, SpendLog
from ads.rights import TRAFFICKER, VIEWER, Right, Role
from ads.services import BudgetService, tokens
from ads.tests.api.conftest import Api, Enter, event
from ads.tests.factories import CampaignFactory

READ, WRITE, MANAGE = Scope.READ.value, Scope.SPEND_WRITE.value, Scope.MANAGE.value

# method, path, body, scope
ENDPOINTS: list[tuple[str, str, Any, str]] = [
    ("post", "/spend", [], WRITE),
    ("post", "/spend/snapshots", [], WRITE),
    ("get", "/spend", None, READ),
    ("get", "/brands", None, READ),
    ("get", "/brands/{brand}", None, READ),
    ("patch", "/brands/{brand}", {}, MANAGE),
    ("get", "/brands/{brand}/status-changes", None, READ),
    ("get", "/campaigns", None, READ),
    ("get", "/campaigns/{campaign}", None, READ),
    ("patch", "/campaigns/{campaign}", {}, MANAGE),
    ("post", "/campaigns/{campaign}/switch-off", None, MANAGE),
    ("post", "/campaigns/{campaign}/switch-on", None, MANAGE),
    ("get", "/serving", None, READ),
    ("get", "/status-changes", None, READ),
    ("get", "/alerts", None, READ),
    ("post", "/alerts/{alert}/acknowledge", None, MANAGE),
    ("post", "/alerts/{alert}/resolve", None, MANAGE),
]
OF_ONE = [endpoint for endpoint in ENDPOINTS if "{" in endpoint[1]]
NAMES = [f"{method} {path}" for method, path, _, _ in ENDPOINTS]


def written(path: str, campaign: Campaign) -> str:
    """The path of this campaign, its brand, or an alert of that."""
    alert = None
    if "{alert}" in path:
        now = timezone.now()
        alert = Alert.objects.create(
            key="a", kind=AlertKind.SPIKE, brand=campaign.brand, raised_at=now, changed_at=now
        ).pk
    return path.format(brand=campaign.brand_id, campaign=campaign.pk, alert=alert)


def call(api: Api, method: str, path: str, body: Any) -> Any:
    return api.get(path) if method == "get" else getattr(api, method)(path, body)


def test_no_endpoint_is_left_out() -> None:
    from ads.api.root import api

    described = {
        (method, path.removeprefix("/api/v1").replace("_id}", "}"))
        for path, methods in api.get_openapi_schema()["paths"].items()
        for method in methods
    }
    assert described == {(method, path) for method, path, _, _ in ENDPOINTS}


@pytest.mark.parametrize(("method", "path", "body", "scope"), ENDPOINTS, ids=NAMES)
@pytest.mark.parametrize("held", [READ, WRITE, MANAGE])
def test_each_endpoint_takes_its_scope_and_no_other(
    enter: Enter, campaign: Campaign, method: str, path: str, body: Any, scope: str, held: str
) -> None:
    program = enter(campaign.brand, scopes=(held,))
    path = written(path, campaign)
    answer = call(program, method, path, body)
    if held == scope:
        assert answer.code == 200, answer.content
    else:
        assert (answer.code, answer.problem) == (403, "forbidden")
        assert f"needs the scope {scope}" in answer.json["detail"]
    campaign.refresh_from_db()
    assert campaign.enabled or held == MANAGE


@pytest.mark.parametrize(("method", "path", "body", "scope"), ENDPOINTS, ids=NAMES)
@pytest.mark.parametrize("token", ["", "nonsense", "abt_00000000_" + "A" * 43])
def test_nothing_opens_without_a_token(
    db: None, method: str, path: str, body: Any, scope: str, token: str
) -> None:
    answer = call(Api(token), method, path.format(brand=1, campaign=1, alert=1), body)
    assert (answer.code, answer.problem) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(("method", "path", "body", "scope"), OF_ONE, ids=[f"{e[0]} {e[1]}" for e in OF_ONE])
def test_what_is_others_cannot_be_told_from_what_is_not_there(
    enter: Enter, campaign: Campaign, method: str, path: str, body: Any, scope: str
) -> None:
    program = enter(CampaignFactory.create().brand)
    theirs = call(program, method, written(path, campaign), body)
    nobodys = call(program, method, path.format(brand=10**9, campaign=2**70, alert=2**70), body)
    assert (theirs.code, theirs.problem) == (404, "not-found")
    assert theirs.json == nobodys.json
    campaign.refresh_from_db()
    assert campaign.enabled


def test_lists_hold_only_what_is_ones_own(enter: Enter, campaign: Campaign) -> None:
    theirs = CampaignFactory.create()
    for each in (campaign, theirs):
        BudgetService.record_spend(each, 100)
    program = enter(campaign.brand)
    assert [item["id"] for item in program.get("/brands").json["items"]] == [campaign.brand_id]
    assert [item["id"] for item in program.get("/campaigns").json["items"]] == [campaign.pk]
    assert {item["campaign"] for item in program.get("/spend").json["items"]} == {campaign.pk}
    assert {item["campaign"] for item in program.get("/status-changes").json["items"]} == {campaign.pk}


@pytest.fixture
def narrowed(user: User, brand: Brand) -> Api:
    """A superuser's token for one brand."""
    return Api(tokens.issue(user, "one brand", Scope.values, brands=[brand]).text)


def test_a_token_can_be_narrowed_to_brands(narrowed: Api, brand: Brand, campaign: Campaign) -> None:
    theirs = CampaignFactory.create()
    assert [item["id"] for item in narrowed.get("/brands").json["items"]] == [brand.pk]
    assert narrowed.get(f"/campaigns/{campaign.pk}").code == 200
    assert narrowed.get(f"/campaigns/{theirs.pk}").code == 404
    assert narrowed.post(f"/campaigns/{theirs.pk}/switch-off").code == 404
    assert narrowed.post("/spend", event(theirs)).code == 422
    serving = [item["id"] for item in narrowed.get("/serving").json["campaigns"]]
    assert serving == [campaign.pk]
    assert not SpendLog.objects.exists()


def test_a_token_whose_last_brand_is_deleted_sees_nothing(narrowed: Api, brand: Brand) -> None:
    CampaignFactory.create()
    brand.delete()
    assert narrowed.get("/brands").json["items"] == []
    assert narrowed.get("/campaigns").json["items"] == []


def test_a_brand_taken_from_the_user_is_taken_from_the_token(enter: Enter, campaign: Campaign) -> None:
    program = enter(campaign.brand)
    assert program.get(f"/campaigns/{campaign.pk}").code == 200
    campaign.brand.assigned_to.clear()
    assert program.get(f"/campaigns/{campaign.pk}").code == 404


class TestRoles:
    """A token acts with its user's rights; its scopes only narrow them."""

    @pytest.mark.parametrize(
        ("role", "method", "path", "body", "right"),
        [
            (VIEWER, "patch", "/brands/{brand}", {"daily_budget": "1.00"}, Right.EDIT_BUDGETS),
            (VIEWER, "patch", "/campaigns/{campaign}", {"enabled": False}, Right.SWITCH),
            (VIEWER, "post", "/campaigns/{campaign}/switch-off", None, Right.SWITCH),
            (VIEWER, "post", "/alerts/{alert}/acknowledge", None, Right.HANDLE_ALERTS),
            (TRAFFICKER, "post", "/alerts/{alert}/resolve", None, Right.HANDLE_ALERTS),
            (VIEWER, "post", "/spend", [], Right.RECORD_SPEND),
            (VIEWER, "post", "/spend/snapshots", [], Right.RECORD_SPEND),
            (TRAFFICKER, "patch", "/brands/{brand}", {"monthly_budget": None}, Right.EDIT_BUDGETS),
            (
                TRAFFICKER,
                "patch",
                "/campaigns/{campaign}",
                {"enabled": False, "total_budget": "5.00"},
                Right.EDIT_BUDGETS,
            ),
            (TRAFFICKER, "post", "/spend", [], Right.RECORD_SPEND),
        ],
    )
    def test_what_the_user_may_not_the_token_may_not(
        self, enter: Enter, campaign: Campaign, role: Role, method: str, path: str, body: Any, right: Right
    ) -> None:
        program = enter(campaign.brand, role=role)
        history = campaign.history.count() + campaign.brand.history.count()
        answer = call(program, method, written(path, campaign), body)
        assert (answer.code, answer.problem, answer.json["right"]) == (403, "forbidden", right.value)
        assert f"“{right.label}”" in answer.json["detail"]
        assert campaign.history.count() + campaign.brand.history.count() == history

    def test_a_trafficker_switches_and_sets_flights(self, enter: Enter, campaign: Campaign) -> None:
        program = enter(campaign.brand, role=TRAFFICKER)
        assert program.post(f"/campaigns/{campaign.pk}/switch-off").code == 200
        change = {"enabled": True, "start_date": "2026-03-01"}
        assert program.patch(f"/campaigns/{campaign.pk}", change).code == 200
        assert program.patch(f"/brands/{campaign.brand_id}", {"is_active": False}).code == 200

    def test_without_a_role_nothing_is_open(self, enter: Enter, campaign: Campaign) -> None:
        program = enter(campaign.brand, role=Role("None", frozenset()))
        answer = program.get("/brands")
        assert (answer.code, answer.json["right"]) == (403, "see")

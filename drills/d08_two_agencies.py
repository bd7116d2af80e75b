"""Strangers at every address, with every verb and state of token: 403 or 404, nothing changed, shown or counted."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.utils import timezone

from ads.models import Alert, ApiToken, Scope
from ads.services import BudgetService, tokens
from ads.tests.factories import CampaignFactory
from ads.tests.test_rights_walk import FORGED, OPERATIONS, all_places, letter, said, searches
from ads.tests.walk import Place, World, make_world
from drills.figures import Figure, at_least, none_of
from drills.stage import Stage
from drills.walk import Walk

VERBS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
STRANGERS = (
    "anonymous",
    "without a role",
    "viewer without brands",
    "viewer of another brand",
    "manager of another brand",
)
LEAVING = {"dashboard:sign-out", "admin:logout"}  # ends the session of whoever asks
# What is another each time a page is asked for: tokens of forms, moments.
CHANGING = re.compile(rb"[\w-]{64}|\d\d:\d\d(:\d\d(\.\d+)?)?|\d+ (second|minute)s?")


def drill(stage: Stage) -> Iterator[Figure]:
    """Zenith's people, and those who are nobody's, where Acme's rows are."""
    world = make_world()
    stage.server.collect_static()
    stage.server.start()
    walk = Walk(stage.server.url.removesuffix("/api/v1"))
    places = [place for place in all_places(world) if place.name not in LEAVING]
    chosen = places[:: stage.size(1, quick=40)]
    before = _acmes(world)
    with ThreadPoolExecutor(len(STRANGERS)) as together:
        list(together.map(lambda who: _everywhere(world, walk, chosen, who), STRANGERS))
    _with_tokens(world, walk)
    yield at_least("requests", walk.asked, stage.size(10_000, quick=400))
    yield none_of("closed, and answered otherwise than 401 to 405", sorted(walk.opened))
    yield none_of("answers that tell of Acme", sorted(walk.told))
    after = _acmes(world)
    yield none_of(
        "tables with other rows of Acme than before", [name for name in before if before[name] != after[name]]
    )
    lists = _lists(world, walk, places)
    _grow(world)
    grown = _lists(world, walk, places)
    yield at_least("lists, searches, reports and exports", len(lists), 100)
    yield none_of(
        "others than before, when Acme had grown", [name for name in lists if lists[name] != grown[name]]
    )


def control(stage: Stage) -> Iterator[Figure]:
    """A site on which everybody sees the rows of every brand."""
    stage.server.env["GUNICORN_CMD_ARGS"] = "--config=python:drills.unguarded"
    yield from drill(stage)


def _everywhere(world: World, walk: Walk, places: list[Place], who: str) -> None:
    forged = FORGED | {"brand": str(world.brand.pk), "campaign": str(world.campaign.pk)}
    with walk.browser(world, who) as http:
        for place in places:
            for verb in VERBS:
                sent = {} if verb in {"GET", "HEAD", "OPTIONS"} else {"data": forged}
                walk.ask(http, who, verb, place.path, is_closed=letter(said(place), who) in "-.", **sent)


def _with_tokens(world: World, walk: Walk) -> None:
    """Every operation of the API, with every verb, by tokens in every state."""
    event = {"campaign": world.campaign.pk, "external_id": "1", "amount": "1", "source": "forged"}
    brand, campaign, alert = world.brand.pk, world.campaign.pk, world.row(Alert).pk
    rows = {"brand_id": brand, "campaign_id": campaign, "alert_id": alert}
    given = {f"token {state}": (token, is_valid) for state, token, is_valid in _tokens(world)}
    for who, (token, is_valid) in given.items():
        with walk.client({"Authorization": f"Bearer {token}"} if token else {}) as http:
            for path in {path for _, path in OPERATIONS}:
                address = f"/api/v1{path.format(**rows)}"
                for verb in VERBS:
                    _, body = OPERATIONS.get((verb.lower(), path), ("", {}))
                    sent = (
                        {}
                        if verb in {"GET", "HEAD", "OPTIONS"}
                        else {"json": [event] if body == [] else body or {}}
                    )
                    walk.ask(http, who, verb, address, is_closed=not is_valid or "{" in path, **sent)


def _tokens(world: World) -> Iterator[tuple[str, str, bool]]:
    manager, now = world.users["manager of another brand"], timezone.now()
    yield "of another agency", world.tokens["manager of another brand"], True
    yield "of a viewer there", world.tokens["viewer of another brand"], True
    theirs = list(manager.brands.all())
    administrators = tokens.issue(world.users["administrator"], "Zenith's", Scope.values, brands=theirs)
    yield "of an administrator for Zenith alone", administrators.text, True
    scopeless = tokens.issue(world.users["account manager"], "scopeless", Scope.values)
    ApiToken.objects.filter(pk=scopeless.token.pk).update(scopes=[])
    yield "without a scope for it", scopeless.text, False
    revoked = tokens.issue(world.users["account manager"], "revoked", Scope.values)
    tokens.revoke(revoked.token)
    yield "revoked", revoked.text, False
    expired = tokens.issue(world.users["account manager"], "expired", Scope.values)
    ApiToken.objects.filter(pk=expired.token.pk).update(expires_at=now - timedelta(seconds=1))
    yield "expired", expired.text, False
    gone = User.objects.create_superuser("gone")
    of_gone = tokens.issue(gone, "gone", Scope.values).text
    User.objects.filter(pk=gone.pk).update(is_active=False)
    yield "of somebody switched off", of_gone, False
    yield "that is not known", revoked.text[:-8] + "AAAAAAAA", False
    yield "that is none", "", False


def _acmes(world: World) -> dict[str, list[Any]]:
    """All rows of Acme, by table."""
    querysets: dict[str, Any] = {
        model._meta.label: model._default_manager.all() for model in apps.get_models()
    }
    return {
        label: list(rows.filter(**{rows.path_to_brand: world.brand.pk}).order_by("pk").values_list())
        for label, rows in querysets.items()
        if hasattr(rows, "path_to_brand") and label != "ads.ApiToken"
    }


def _lists(world: World, walk: Walk, places: list[Place]) -> dict[str, bytes]:
    """What Zenith's manager is shown where many rows are."""
    who, shown = "manager of another brand", {}
    with walk.browser(world, who) as http:
        for place in places:
            if letter(said(place), who) == "+" and (
                place.page == "changelist" or place.name.startswith("dashboard:")
            ):
                for query in ({}, *searches(world)[:3]):
                    if not place.name.endswith("xlsx"):
                        answer = walk.ask(http, who, "GET", place.path, params=query)
                        shown[f"{place.path}?{query}"] = CHANGING.sub(b"", answer.content)
    with walk.client({"Authorization": f"Bearer {world.tokens[who]}"}) as http:
        for method, path in OPERATIONS:
            if method == "get" and "{" not in path:
                shown[path] = CHANGING.sub(b"", walk.ask(http, who, "GET", f"/api/v1{path}").content)
    return shown


def _grow(world: World) -> None:
    """Acme gets more of what there are lists of."""
    for number, campaign in enumerate(CampaignFactory.create_batch(20, brand=world.brand)):
        BudgetService.record_spend(campaign, Decimal(number + 1), external_id=f"more-{number}")
    BudgetService.reset_budgets(brands=[world.brand])

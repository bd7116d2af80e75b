"""Names that are markup on every page, and forms that name every column: nothing runs, nothing unlisted changes."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import models
from django.test import Client
from freezegun import freeze_time

from ads import guards
from ads.models import Brand, Campaign, Scope
from ads.services import tokens
from ads.tests.moments import NOON
from ads.tests.test_rights_walk import all_places, look
from ads.tests.walk import World, everything_stored, make_world

pytestmark = [pytest.mark.django_db, pytest.mark.once]

SCRIPT, QUOTES = "<script>alert(7)</script>", "\"'><"
EVIL = f"{QUOTES}{SCRIPT}{{{{7*7}}}}"
# Columns of which the system reads more than that they are text.
STRUCTURED = {
    "account", "adapter", "address", "args", "batch", "body", "cause", "checksum", "codename", "content",
    "credentials", "currency", "day_of_month", "day_of_week", "digest", "duration", "expire_date", "file",
    "form", "format", "from_reason_codes", "granularity", "headers", "history_type", "hour", "key", "kind",
    "kwargs", "last_error_code", "minute", "model", "month_of_year", "parser", "password", "platform",
    "previous_secret", "queue", "reason_codes", "scopes", "secret", "session_data", "session_hash",
    "session_key", "sort", "source_key", "state", "subject_key", "target", "task", "timezone", "url",
    "windows_timezone",
}  # fmt: skip
OURS = {"ads", "auth", "axes", "django_celery_beat"}
# What no form and no body may set, whoever sends it.
SYSTEMS: dict[type[models.Model], set[str]] = {
    Brand: {"id", "opened_on", "zone_history"},
    Campaign: {"id", "brand_id", "status", "reason_codes", "next_transition_at", "status_since"},
    User: {"id", "date_joined", "password"},
}


@pytest.fixture
def world(db: None) -> Iterator[World]:
    with freeze_time(NOON):
        yield make_world()


def texts(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """Columns of text that people, files or programs fill."""
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, models.CharField | models.TextField)
        and not field.choices
        and not field.primary_key
        and field.name not in STRUCTURED
        and (field.max_length or 1_000) >= len(EVIL) + 6
    ]


def make_all_names_evil() -> set[str]:
    """Every text becomes markup, whatever the forms would have said to it; returns which columns there were."""
    done = set()
    with guards.lifted():
        for model in apps.get_models():
            if model._meta.app_label not in OURS or not model._meta.managed:
                continue
            for field in texts(model):
                for pk in model._default_manager.values_list("pk", flat=True):
                    evil = f"{EVIL}{pk}" if field.unique or model._meta.unique_together else EVIL
                    rows = model._base_manager.filter(pk=pk).exclude(**{field.name: ""})
                    if models.QuerySet.update(rows, **{field.name: evil}):
                        done.add(f"{model._meta.label}.{field.name}")
    return done


def test_no_name_is_markup_on_any_page(world: World) -> None:
    done = make_all_names_evil()
    assert {"ads.Brand.name", "ads.Campaign.name", "auth.User.username", "auth.Group.name"} <= done
    assert {
        "ads.ApiToken.name",
        "ads.SpendImport.file_name",
        "ads.AlertRule.name",
        "axes.AccessAttempt.username",
    } <= done
    root = Client(raise_request_exception=False)
    root.force_login(User.objects.create_superuser(EVIL))
    seen, wrong = 0, set()
    for place in all_places(world):
        searched = place.page == "changelist" or "search" in place.name
        for query in ({}, {"q": EVIL, "s": EVIL, "term": EVIL}) if searched else ({},):
            response = look(root, place, query)
            assert response.status_code < 500, (place, response.status_code)
            if not response.headers.get("Content-Type", "").startswith("text/html") or response.streaming:
                continue
            page = response.content.decode()
            seen += SCRIPT.replace("<", "&lt;").replace(">", "&gt;") in page
            wrong |= {(place.name, evil) for evil in (SCRIPT, QUOTES, "49}}", ">49") if evil in page}
        if place.name == "admin:logout":
            root.force_login(User.objects.get(username=EVIL))
    assert wrong == set()
    assert seen > 40  # so the names were on the pages


def every_column(model: type[models.Model]) -> dict[str, str]:
    """A value of another kind than what is stored, for each column and each name that a form could have."""
    values: dict[str, str] = {}
    for field in model._meta.get_fields():
        if isinstance(field, models.Field):
            value = "1" if isinstance(field, models.BigIntegerField | models.ForeignKey) else "2001-01-01"
            values |= {field.name: value, getattr(field, "attname", field.name): value}
    return values | {
        "status": "COMPLETED",
        "reason_codes": "FLIGHT_ENDED",
        "password": "forged",
        "id": "987654",
    }


def columns(model: type[models.Model], pk: int) -> dict[str, Any]:
    stored = model._base_manager.filter(pk=pk).values(*SYSTEMS[model]).get()
    return dict(stored)


def test_no_form_takes_a_column_that_it_does_not_show(world: World) -> None:
    """An account manager sends all columns of brands, campaigns and people to every address that she may use."""
    sent = {name: value for model in SYSTEMS for name, value in every_column(model).items()}
    sent |= {
        "is_superuser": "on",
        "is_staff": "on",
        "user_permissions": "1",
        "assigned_to": "1",
        "groups": "1",
    }
    manager = world.users["account manager"]
    rows = [
        *((Brand, pk) for pk in Brand.objects.values_list("pk", flat=True)),
        *((User, pk) for pk in User.objects.values_list("pk", flat=True)),
    ]
    before = {row: columns(*row) for row in rows}
    powers = {user.pk: user.get_all_permissions() for user in User.objects.all()}
    superusers = set(User.objects.filter(is_superuser=True).values_list("pk", flat=True))
    campaigns = dict(Campaign.objects.values_list("pk", "brand_id"))
    browser = world.browser("account manager")
    for place in all_places(world):
        if place.name in {"admin:logout", "dashboard:sign-out"} or place.page == "delete":
            continue
        assert browser.post(place.path, sent).status_code < 500, place
    assert {row: columns(*row) for row in rows} == before
    assert {user.pk: user.get_all_permissions() for user in User.objects.filter(pk__in=powers)} == powers
    assert set(User.objects.filter(is_superuser=True).values_list("pk", flat=True)) == superusers
    assert {
        pk: brand for pk, brand in Campaign.objects.values_list("pk", "brand_id") if pk in campaigns
    } == campaigns
    assert not Campaign.objects.filter(status="COMPLETED", end_date=None).exists()
    assert manager.pk in powers


@pytest.mark.parametrize("model", [Brand, Campaign])
def test_the_api_refuses_each_field_that_it_does_not_list(world: World, model: type[models.Model]) -> None:
    listed = {"daily_budget", "monthly_budget", "total_budget", "start_date", "end_date"}
    text = tokens.issue(User.objects.create_superuser("root"), "all", Scope.values).text
    client = Client(headers={"Authorization": f"Bearer {text}"})
    path = f"/api/v1/{'brands' if model is Brand else 'campaigns'}/{world.row(model).pk}"
    before = everything_stored()
    for name, value in every_column(model).items():
        if name in listed:
            continue
        answer = client.patch(path, {name: value, "daily_budget": "7.00"}, content_type="application/json")
        assert answer.status_code == 422, name
    assert everything_stored() == before

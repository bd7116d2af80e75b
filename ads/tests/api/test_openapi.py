"""The description of the API and the page that shows it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from jsonschema import Draft202012Validator

from ads.api import schemas
from ads.api.root import api as described_api
from ads.models import Campaign
from ads.tests.api.conftest import Api, Enter, event


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    return dict(described_api.get_openapi_schema())


def test_it_is_openapi_3_1_and_served_as_it_is(client: Client, description: dict[str, Any]) -> None:
    response = client.get("/api/v1/openapi.json")
    served = response.json()
    assert response["Content-Type"] == "application/json"
    assert served["openapi"] == "3.1.0"
    assert served["paths"].keys() == description["paths"].keys()


@pytest.mark.unit
def test_every_operation_tells_its_errors_as_problems(description: dict[str, Any]) -> None:
    problem = {"$ref": "#/components/schemas/Problem"}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            told = {
                code: each["content"]
                for code, each in operation["responses"].items()
                if int(code) >= 400 and int(code) != 414  # the server's own
            }
            assert {401, 403, 404, 422, 429, 503} <= {int(code) for code in told}, (method, path)
            assert all(content["application/problem+json"]["schema"] == problem for content in told.values())
            assert all(len(content) == 1 for content in told.values())
            assert operation["summary"]
            assert operation["description"]
            assert (method == "post") == ("409" in map(str, told)), (method, path)


@pytest.mark.unit
def test_every_reference_leads_somewhere_and_amounts_are_strings(description: dict[str, Any]) -> None:
    forms = description["components"]["schemas"]
    names = set(re.findall(r"#/components/schemas/(\w+)", str(description)))
    assert names <= set(forms)
    for name, form in forms.items():
        for field, told in form.get("properties", {}).items():
            if re.search("amount|budget|spent$|waived|current|remaining|booked", field):
                kinds = {each["type"] for each in told.get("anyOf", [told])}
                assert kinds <= {"string", "null"}, (name, field)


@pytest.mark.unit
@pytest.mark.parametrize(
    "form", [schemas.SpendEvent, schemas.SpendSnapshot, schemas.BrandChange, schemas.CampaignChange]
)
def test_what_is_sent_is_described_and_takes_nothing_unknown(
    description: dict[str, Any], form: type[schemas.Given]
) -> None:
    told = description["components"]["schemas"][form.__name__]
    assert told["additionalProperties"] is False
    assert told["properties"].keys() == form.model_fields.keys()
    assert all(field["description"].endswith((".", "-")) for field in told["properties"].values())


@pytest.mark.unit
def test_every_operation_names_the_scope_that_it_asks_for(description: dict[str, Any]) -> None:
    asked = {
        (method, path.removeprefix("/api/v1")): operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }
    for (method, path), operation in asked.items():
        scope = "read" if method == "get" else "spend:write" if path.startswith("/spend") else "manage"
        assert operation["security"] == [{"TokenAuth": [scope]}], (method, path)
        assert operation["description"].endswith(f"Needs the scope `{scope}`.")
        told = operation["responses"][403]["content"]["application/problem+json"]["examples"]
        lacking, no_right = told.values()
        assert no_right["value"]["detail"].startswith("This needs the right “")
        assert lacking["value"]["detail"].startswith(f"This needs the scope {scope}; the token has ")
        assert not lacking["value"]["detail"].endswith(f" has {scope}.")


@pytest.mark.unit
def test_what_is_sent_and_what_comes_back_has_examples_that_fit_it(description: dict[str, Any]) -> None:
    shown = 0
    for methods in description["paths"].values():
        for operation in methods.values():
            bodies = [operation["requestBody"]] if "requestBody" in operation else []
            for body in (*bodies, *operation["responses"].values()):
                for kind, told in body.get("content", {}).items():
                    examples = list(examples_of(told, description))
                    assert examples, (operation["operationId"], kind)
                    validator = Draft202012Validator(
                        told["schema"] | {"components": description["components"]}
                    )
                    for example in examples:
                        validator.validate(example)
                        shown += 1
    assert shown > 100


def examples_of(told: dict[str, Any], description: dict[str, Any]) -> Iterator[Any]:
    """The examples beside a schema, or else those of the forms it refers to."""
    yield from (example["value"] for example in told.get("examples", {}).values())
    if "example" in told:
        yield told["example"]
    schema = told["schema"]
    for each in schema.get("anyOf", [schema]):
        if "$ref" in each:
            yield from description["components"]["schemas"][each["$ref"].rsplit("/", 1)[1]].get(
                "examples", []
            )


def test_the_errors_shown_are_those_that_are_answered(
    api: Api, enter: Enter, campaign: Campaign, description: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": "1"}
    assert api.post("/spend", event(campaign, "click-1"), **key).code == 201
    answered = [
        api.post("/spend", b"{"),
        Api("unknown").post("/spend"),
        enter(scopes=("manage",)).post("/spend"),
        api.get("/campaigns/999999"),
        api.post("/spend", event(campaign, "click-2"), **key),
        api.post("/spend", [{}] * 10_001),
        api.send("PATCH", "/brands/1"),
        api.post("/spend", event(campaign, amount="a lot")),
    ]
    assert [answer.code for answer in answered] == [400, 401, 403, 404, 409, 413, 415, 422]
    described = description["paths"]["/api/v1/spend"]["post"]["responses"]
    for answer in answered:
        shown = described[answer.code]["content"]["application/problem+json"]["examples"].values()
        if answer.code != 403:  # whatever scope the token has instead
            assert answer.json in [example["value"] for example in shown]
        if answer.code != 409:  # a key that is in use, not one that was reused
            assert described[answer.code].get("headers", {}).keys() <= set(answer.headers)


def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/api/v1/docs").content.decode()
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) >= 3
    assert all(address.startswith("/static/ninja/") for address in loaded)
    assert all(finders.find(address.removeprefix("/static/")) for address in loaded)
    assert '"validatorUrl": null' in page
    assert "http" not in page.replace("https://", "http://").replace('lang="http', "")

"""The description of the API and the page that shows it."""

import re
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from ads.api import schemas
from ads.api.root import api as described_api


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
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            told = {
                code: each["content"]
                for code, each in operation["responses"].items()
                if int(code) >= 400 and int(code) != 414  # the server's own
            }
            assert {401, 403, 404, 422, 429, 503} <= {int(code) for code in told}, (method, path)
            assert all(content == problem for content in told.values())
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


def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/api/v1/docs").content.decode()
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) >= 3
    assert all(address.startswith("/static/ninja/") for address in loaded)
    assert all(finders.find(address.removeprefix("/static/")) for address in loaded)
    assert '"validatorUrl": null' in page
    assert "http" not in page.replace("https://", "http://").replace('lang="http', "")

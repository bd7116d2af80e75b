"""The description of the API (OpenAPI 3.1): what the handlers read themselves, and the errors that all can give."""

from typing import Any

from ninja import NinjaAPI, Swagger
from ninja.openapi.schema import OpenAPISchema
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ads.api import schemas
from ads.api.auth import TokenAuth
from ads.api.bodies import JSON, MAX_ITEMS, NDJSON
from ads.api.problems import MEDIA_TYPE

Extra = dict[str, Any]

REFERENCE = "#/components/schemas/{model}"
READ_BY_HANDLERS: tuple[type[BaseModel], ...] = (
    schemas.SpendEvent,
    schemas.SpendSnapshot,
    schemas.BrandChange,
    schemas.CampaignChange,
)
ERRORS = {
    "400": "The body cannot be read.",
    "401": "No token, or one that opens nothing.",
    "403": "The token lacks the scope, or its user the right, which the problem names.",
    "404": "There is nothing like it, or the token has no right to it.",
    "422": "Something in it cannot be taken; errors names item and field.",
    "429": "Too many requests; Retry-After says when to come back.",
    "503": "The database could not answer; send the same again.",
}
ERRORS_OF_BODIES = {
    "411": "The body came without its length.",
    "413": "The body is too large, or holds too many items.",
    "415": "The body is not of a type, encoding or character set that is taken.",
}
CONFLICT = {"409": "The same id or key came before with other content, or its first request still runs."}

IDEMPOTENCY_KEY: Extra = {
    "parameters": [
        {
            "in": "header",
            "name": "Idempotency-Key",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            "description": "A name of your own for this request: sent again within 24 hours it gets the same answer.",
        }
    ]
}

# The server answers this itself, before the API sees the request, and not with a problem.
LONG_ADDRESS: Extra = {"responses": {"414": {"description": "The address is longer than the server takes."}}}


def _reference(form: type[BaseModel]) -> Extra:
    return {"$ref": REFERENCE.format(model=form.__name__)}


def body_of(form: type[BaseModel]) -> Extra:
    """The description of a body of this form."""
    return {"requestBody": {"required": True, "content": {JSON: {"schema": _reference(form)}}}}


def items_of(form: type[BaseModel]) -> Extra:
    """The description of a body of one of these or many, and of the key that such a request may have."""
    many = {"type": "array", "items": _reference(form), "maxItems": MAX_ITEMS}
    enclosed = {
        "type": "object",
        "properties": {"items": many},
        "required": ["items"],
        "additionalProperties": False,
    }
    content: Extra = {
        JSON: {"schema": {"anyOf": [_reference(form), many, enclosed]}},
        NDJSON[0]: {"schema": {"type": "string", "description": "One object to a line."}},
    }
    return IDEMPOTENCY_KEY | {"requestBody": {"required": True, "content": content}}


class BudgetApi(NinjaAPI):
    """Adds to ninja's description what it cannot know."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: Extra | None = None
    ) -> OpenAPISchema:
        described = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        _, definitions = models_json_schema(
            [(form, "validation") for form in READ_BY_HANDLERS], ref_template=REFERENCE
        )
        forms = described["components"]["schemas"]
        forms |= definitions["$defs"] | {"Problem": schemas.ProblemOut.model_json_schema()}
        for methods in described["paths"].values():
            for operation in methods.values():
                _complete(operation)
        return described


def _complete(operation: Extra) -> None:
    errors = ERRORS | (ERRORS_OF_BODIES if "requestBody" in operation else {})
    if operation["parameters"] and any(each["in"] == "header" for each in operation["parameters"]):
        errors |= CONFLICT
    problem = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model="Problem")}}}
    for code, description in errors.items():
        operation["responses"][code] = {"description": description, "content": problem}
    operation["responses"] = {int(code): told for code, told in operation["responses"].items()}


def docs_page() -> Swagger:
    """The page to read and try it; all it loads is served from here."""
    return Swagger({"validatorUrl": None, "persistAuthorization": False, "docExpansion": "list"})


__all__ = ["BudgetApi", "TokenAuth", "body_of", "docs_page", "items_of"]

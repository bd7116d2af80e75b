"""The description of the API (OpenAPI 3.1): what the handlers read themselves, scopes, errors, and examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ninja import NinjaAPI, Swagger
from ninja.openapi.schema import OpenAPISchema
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ads.api import examples, schemas
from ads.api.auth import TokenAuth, lacks_right, lacks_scope
from ads.api.bodies import JSON, MAX_ITEMS, NDJSON
from ads.api.problems import (
    BUSY,
    MEDIA_TYPE,
    UNAVAILABLE,
    FieldError,
    Problem,
    invalid,
    not_found,
    unauthorized,
)
from ads.models import Scope
from ads.rights import Right

Extra = dict[str, Any]

REFERENCE = "#/components/schemas/{model}"
READ_BY_HANDLERS: tuple[type[BaseModel], ...] = (
    schemas.SpendEvent,
    schemas.SpendSnapshot,
    schemas.BrandChange,
    schemas.CampaignChange,
)


@dataclass(frozen=True, slots=True)
class Error:
    """A status that an operation may answer with: what it means, problems that it comes as, and its headers."""

    words: str
    problems: Sequence[Problem]
    headers: Mapping[str, str] = field(default_factory=dict)

    def described(self) -> Extra:
        """The answer as OpenAPI describes it."""
        told = {
            f"{problem.code}-{number}": {"value": problem.as_dict()}
            for number, problem in enumerate(self.problems, 1)
        }
        schema = {"$ref": REFERENCE.format(model="Problem")}
        content = {MEDIA_TYPE: {"schema": schema, "examples": told}}
        return {"description": self.words, "content": content} | _headers(self.headers)


def _headers(told: Mapping[str, str]) -> Extra:
    described = {name: {"description": words, "schema": {"type": "string"}} for name, words in told.items()}
    return {"headers": described} if described else {}


TOKENS = (
    "A token made in the admin, or by create_api_token. Each operation names the scope that it asks of it: "
    + "; ".join(f"`{scope.value}`: {scope.label.lower()}" for scope in Scope)
    + "."
)
RETRY_AFTER = {"Retry-After": "Come back after so many seconds."}
ERRORS = {
    400: Error(
        "The request cannot be read.",
        [Problem("unreadable", 400, "The body is not JSON: EOF while parsing an object at line 1 column 1.")],
    ),
    401: Error(
        "No token, or one that opens nothing.",
        [unauthorized("This token is not known.")],
        {"WWW-Authenticate": "How to say who asks."},
    ),
    404: Error("There is nothing like it, or the token has no right to it.", [not_found("campaign")]),
    422: Error(
        "Something in it cannot be taken; errors names the fields.",
        [invalid([FieldError("amount", 'give a string with at most 6 decimals, such as "12.50".')])],
    ),
    429: Error(
        "Too many requests.",
        [Problem("throttled", 429, "This token may make 600 requests a minute. Come back in 12 s.")],
        RETRY_AFTER,
    ),
    503: Error(
        "The database could not answer, or something else works on the same brand; send the same again.",
        [UNAVAILABLE, BUSY],
        RETRY_AFTER,
    ),
}
ERRORS_OF_BODIES = {
    411: Error(
        "The body came without its length.",
        [Problem("length-required", 411, "Send the body with a Content-Length.")],
    ),
    413: Error(
        "The body is too large, or holds too many items.",
        [Problem("too-large", 413, f"There are {MAX_ITEMS + 1} items; send at most {MAX_ITEMS} at a time.")],
    ),
    415: Error(
        "The body is not of a type, encoding or character set that is taken.",
        [Problem("unsupported-media-type", 415, f"Content-Type is missing and is not taken; send {JSON}.")],
    ),
}
KEY_REUSED = Problem(
    "idempotency-key-reused",
    409,
    "This Idempotency-Key came before with another request; give each request one of its own.",
)
KEY_IN_USE = Problem(
    "idempotency-key-in-use",
    409,
    "The first request with this Idempotency-Key has no answer yet; come back for it.",
)
ID_IN_CONFLICT = Problem(
    "conflict",
    409,
    "click-1 was recorded before as SPEND of 12.50 for campaign 1; the same id with other content is not counted",
    more={"id": 1},
)

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
REPLAYED = _headers({"Idempotent-Replayed": "true where this is the answer of an earlier request."})

UNLESS_CHANGED: Extra = {
    "parameters": [
        {
            "in": "header",
            "name": "If-None-Match",
            "required": False,
            "schema": {"type": "string"},
            "description": "The ETag of an earlier answer: 304 where the list is still that.",
        }
    ],
    "responses": {200: _headers({"ETag": "Send it back as If-None-Match."})},
}

# The server answers this itself, before the API sees the request, and not with a problem.
LONG_ADDRESS: Extra = {"responses": {414: {"description": "The address is longer than the server takes."}}}


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
    one, another = examples.OF_FORMS[form.__name__]
    told = {"one": {"value": one}, "several": {"value": {"items": [one, another]}}}
    lines = "\n".join(
        form.model_validate(each).model_dump_json(exclude_unset=True) for each in (one, another)
    )
    content: Extra = {
        JSON: {"schema": {"anyOf": [_reference(form), many, enclosed]}, "examples": told},
        NDJSON[0]: {"schema": {"type": "string", "description": "One object to a line."}, "example": lines},
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
        problem = schemas.ProblemOut.model_json_schema(ref_template=REFERENCE)
        forms = described["components"]["schemas"]
        forms |= definitions["$defs"] | problem.pop("$defs") | {"Problem": problem}
        for name, told in examples.OF_FORMS.items():
            forms[name]["examples"] = told
        described["components"]["securitySchemes"][TokenAuth.__name__]["description"] = TOKENS
        scopes = self._scopes()
        for methods in described["paths"].values():
            for operation in methods.values():
                _complete(operation, scopes[operation["operationId"]])
        return described

    def _scopes(self) -> dict[str, Scope]:
        """What each operation asks of a token, by the operation's id."""
        operations = (
            operation
            for router in self._get_bound_routers()
            for view in router.path_operations.values()
            for operation in view.operations
        )
        return {
            self.get_openapi_operation_id(operation): auth.scope
            for operation in operations
            for auth in operation.auth_callbacks
            if isinstance(auth, TokenAuth)
        }


def _complete(operation: Extra, scope: Scope) -> None:
    # OpenAPI 3.1 takes what a bearer token must have beside the name of the scheme.
    operation["security"] = [{TokenAuth.__name__: [scope.value]}]
    operation["description"] += f"\n\nNeeds the scope `{scope.value}`."
    has_body = "requestBody" in operation
    other = next(each for each in Scope if each != scope)
    denied = [lacks_scope(scope, [other.value]), lacks_right(Right.SEE, "ann")]
    errors = ERRORS | {403: Error("The token lacks the scope, or its user the right.", denied)}
    if has_body:
        errors |= ERRORS_OF_BODIES
    if operation["parameters"] and any(each["name"] == "Idempotency-Key" for each in operation["parameters"]):
        told = [KEY_REUSED, KEY_IN_USE, *([ID_IN_CONFLICT] if has_body else [])]
        words = "The same id or key came before with other content, or the first request with it still runs."
        errors |= {409: Error(words, told, RETRY_AFTER)}
        for code in {200, 201, 202} & operation["responses"].keys():
            operation["responses"][code] |= REPLAYED
    operation["responses"] |= {code: errors[code].described() for code in sorted(errors)}


def docs_page() -> Swagger:
    """The page to read and try it; all it loads is served from here."""
    return Swagger({"validatorUrl": None, "persistAuthorization": False, "docExpansion": "list"})

"""What pages may load and run: only what this site serves, and a little more where a library needs it."""

from typing import Any

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

_DATA = "data:"
# By the namespace or the full name of the address.
_MORE: dict[str, dict[str, list[str]]] = {
    "admin": {
        "script-src": [SELF, UNSAFE_EVAL],  # Alpine.js, which the theme uses
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, _DATA],
    },
    "api:openapi-view": {"style-src": [SELF, UNSAFE_INLINE], "img-src": [SELF, _DATA]},
}


class PolicyMiddleware(CSPMiddleware):
    """Sends the policy of the settings, widened on the admin's pages and the page that shows the API."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        match = request.resolver_match
        more: dict[str, Any] | None = None
        if match is not None:
            more = _MORE.get(match.namespace) or _MORE.get(match.view_name)
        parts.update = more or parts.update
        return parts

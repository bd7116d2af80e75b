"""What machines ask the site about itself: `/healthz`, `/readyz` and `/metrics`.

Answered before anything else of a request is looked at, because a probe comes by the host's address, without
TLS, and must leave no session and no line in the log.
"""

from collections.abc import Callable
from hmac import compare_digest
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, JsonResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST

from ads.services import health, measures


def alive(_request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers."""
    return JsonResponse({"status": "ok"})


def ready(_request: HttpRequest) -> HttpResponse:
    """200 where all that is needed is there, else 503 and the names of what is not: no more, as anybody may ask."""
    failed = health.failing(timezone.now())
    return JsonResponse(
        {"status": "failed" if failed else "ok", "failed": failed}, status=503 if failed else 200
    )


def metrics(request: HttpRequest) -> HttpResponse:
    """The numbers for Prometheus, for who has the token or comes from an address that a setting names."""
    if not settings.METRICS_TOKEN and not settings.METRICS_NETWORKS:
        return HttpResponse("Closed: METRICS_TOKEN and METRICS_NETWORKS are not set.\n", status=404)
    if not _may_read_metrics(request):
        return HttpResponse("Not allowed.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(measures.exposition(timezone.now()), content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    known: str = settings.METRICS_TOKEN
    if known and kind.lower() == "bearer" and compare_digest(token.strip().encode(), known.encode()):
        return True
    try:
        # The connection's own: what a client says of where it comes from is no proof.
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in ip_network(network) for network in settings.METRICS_NETWORKS)


PROBES = {"/healthz": alive, "/readyz": ready, "/metrics": metrics}


class ProbeMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info)
        if probe is None:
            return self.get_response(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        response = probe(request)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

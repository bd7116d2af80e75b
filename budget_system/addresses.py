"""Where a request comes from, as far as that can be trusted."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

WHOSE = 64  # bits of an IPv6 address: whoever has one address of such a network has all of them


def client_address(request: HttpRequest) -> str | None:
    """The client's address, of IPv6 its network's first; None where there is none, as on a socket.

    With BEHIND_PROXY it is the last of X-Forwarded-For, which the proxy wrote; what comes before is whatever the
    client says. Without it that header is no proof of anything.
    """
    told = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2] if settings.BEHIND_PROXY else ""
    try:
        address = ip_address(told.strip() or request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), WHOSE), strict=False).network_address)

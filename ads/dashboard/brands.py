"""A brand's page."""

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect

from ads.models import Brand


def brand(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One brand that the signed-in person has a right to."""
    found = get_object_or_404(Brand.objects.visible_to(request.user), pk=pk)
    return redirect("admin:ads_brand_change", found.pk)

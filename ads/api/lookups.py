"""What a token sees, and nothing else: whatever it has no right to is not there."""

from ads.api.problems import not_found
from ads.models import ApiToken, Brand, Campaign


def brand_or_404(token: ApiToken, brand_id: int) -> Brand:
    """The brand; raises a Problem where there is none or none for this token."""
    brand = token.visible(Brand.objects.all()).filter(pk=brand_id).first()
    if brand is None:
        raise not_found("brand")
    return brand


def campaign_or_404(token: ApiToken, campaign_id: int) -> Campaign:
    """The campaign with its brand; raises a Problem where there is none or none for this token."""
    visible = token.visible(Campaign.objects.select_related("brand"))
    campaign = visible.filter(pk=campaign_id).first()
    if campaign is None:
        raise not_found("campaign")
    return campaign

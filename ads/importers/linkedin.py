"""LinkedIn: adAnalytics of the API and what connectors make of them.

`dateRange` and `day` are dates in UTC and count as they are written. The cost in local currency is taken, which
is the account's. What that is, the report does not say, but the cost in US dollars beside it tells whether it
is dollars. An empty cost is none. Of `pivotValues` only campaigns (`urn:li:sponsoredCampaign:...`) can be booked.
"""

from ads.importers.formats import Amount, Format, Level, When


def _campaign_id(urn: str) -> str:
    campaign_id = urn.removeprefix("urn:li:sponsoredCampaign:")
    if ":" in campaign_id:
        raise ValueError("is no campaign; ask LinkedIn for pivot CAMPAIGN")
    return campaign_id


FORMATS = (
    Format(
        platform="linkedin",
        title="LinkedIn",
        ask_for="Ask LinkedIn for timeGranularity DAILY.",
        marks=(("cost_in_local_currency",), ("cost_in_usd",)),
        when=(When("day"), When("date"), When("dateRange.start", until="dateRange.end"), When("dateRange")),
        amounts=(Amount("cost_in_local_currency", twin="cost_in_usd"), Amount("cost_in_usd", currency="USD")),
        account=("account_id",),
        campaign_id=("campaign_id", "pivotValues"),
        campaign_name=("campaign_name",),
        currency=("currency",),
        levels=(Level("creative", ("creative_id",)),),
        empty_is_zero=True,
        clean_campaign_id=_campaign_id,
    ),
)

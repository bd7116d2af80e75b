"""Apple Search Ads: reports of the API and what connectors make of them.

The amount and its currency are two columns (`local_spend_amount`, `local_spend_currency`, or
`localSpend.amount`, `localSpend.currency`). `date` is of the account's time zone and counts as it is written.
"""

from ads.importers.formats import Amount, Format, Level, When

FORMATS = (
    Format(
        platform="apple_search_ads",
        title="Apple Search Ads",
        ask_for="Ask Apple for granularity DAILY.",
        marks=(("local_spend_amount",),),
        when=(When("date"),),
        amounts=(Amount("local_spend_amount"),),
        account=("organization_id", "org_id"),
        campaign_id=("campaign_id", "metadata.campaignId", "id"),
        campaign_name=("campaign_name", "metadata.campaignName"),
        currency=("local_spend_currency",),
        levels=(
            Level("keyword", ("keyword_id",)),
            Level("ad", ("ad_id",)),
            Level("adgroup", ("ad_group_id",)),
        ),
    ),
)

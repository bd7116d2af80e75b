"""Yahoo (native and search): reports of the API and what connectors make of them.

`day` is of the account's time zone and counts as it is written. `is_adjustment` marks rows that correct others
of the same date: they add up.
"""

from ads.importers.formats import Amount, Format, Level, When

FORMATS = (
    Format(
        platform="yahoo",
        title="Yahoo",
        ask_for="Ask Yahoo for the field Day.",
        marks=(("is_adjustment", "spend"),),
        when=(When("day"),),
        amounts=(Amount("spend"),),
        account=("advertiser_id", "account_id"),
        campaign_id=("campaign_id",),
        campaign_name=("campaign_name",),
        currency=("currency", "advertiser_currency"),
        levels=(Level("ad", ("ad_id",)), Level("adgroup", ("ad_group_id",))),
        segments=(Level("adjustment", ("is_adjustment",)),),
    ),
)

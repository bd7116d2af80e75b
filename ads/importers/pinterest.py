"""Pinterest: reports of the API and what connectors make of them.

`spend_in_micro_dollar` counts millionths of the ad account's currency, whatever its name says. `date` is of the
account's time zone and counts as it is written.
"""

from ads.importers.formats import Amount, Format, Level, When

FORMATS = (
    Format(
        platform="pinterest",
        title="Pinterest",
        ask_for="Ask Pinterest for granularity DAY.",
        marks=(("spend_in_micro_dollar",), ("spend_in_dollar",)),
        when=(When("date"),),
        amounts=(Amount("spend_in_micro_dollar", micros=True), Amount("spend_in_dollar")),
        account=("ad_account_id", "advertiser_id"),
        campaign_id=("campaign_id",),
        campaign_name=("campaign_name",),
        currency=("currency",),
        levels=(
            Level("ad", ("pin_promotion_id", "ad_id")),
            Level("adgroup", ("ad_group_id",)),
        ),
    ),
)

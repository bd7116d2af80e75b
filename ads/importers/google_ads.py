"""Google Ads: the API's names, what connectors make of them, and the report of the interface.

`segments.date` and `Day` are dates of the account's time zone (`customer.time_zone`) and count as they are
written, hours likewise. `*_micros` are millionths. The interface writes `Cost` by the user's language; its
preamble ("Campaign report", the range) and its "Total: ..." lines are left out.
"""

from ads.importers.formats import Amount, Format, Level, When

FORMATS = (
    Format(
        platform="google_ads",
        title="Google Ads",
        ask_for="In Google Ads, segment the report by Time > Day and download it again.",
        marks=(
            ("metrics.cost_micros",),
            ("cost_micros",),
            ("cost", "currency code"),
            ("campaign", "cost", "day"),
        ),
        when=(When("segments.date"), When("date"), When("day")),
        hour=("segments.hour", "hour", "hour of the day", "hour of day"),
        amounts=(
            Amount("metrics.cost_micros", micros=True),
            Amount("cost_micros", micros=True),
            Amount("cost", written=True),
        ),
        account=("customer.id", "customer_id", "account id", "account_id"),
        campaign_id=("campaign.id", "campaign_id", "id"),
        campaign_name=("campaign.name", "campaign_name", "campaign"),
        currency=("customer.currency_code", "currency_code"),
        levels=(
            Level("ad", ("ad_group_ad.ad.id", "ad_id")),
            Level("adgroup", ("ad_group.id", "ad_group_id", "ad group id")),
        ),
        segments=(
            Level("network", ("segments.ad_network_type", "ad_network_type", "network")),
            Level("device", ("segments.device", "device")),
        ),
        clean_account=lambda account: account.replace("-", ""),
    ),
)

"""Microsoft Advertising: performance reports of the API and of the interface, and what connectors make of them.

`TimePeriod` is a date of the account's time zone and counts as it is written. Campaign reports repeat a
campaign's date for each device, network, match type and so on: those columns make the row's `line`. What may be
renamed later, such as the budget, is none of them. The preamble and the line of copyright are left out.
"""

from ads.importers.formats import Amount, Format, Level, When

FORMATS = (
    Format(
        platform="microsoft_ads",
        title="Microsoft Advertising",
        ask_for="In Microsoft Advertising, choose Day as the unit of time (Aggregation Daily in the API).",
        marks=(
            ("timeperiod", "spend"),
            ("gregorian date", "spend"),
            ("delivered_match_type", "spend"),
            ("ad_distribution", "spend"),
            ("top_vs_other", "spend"),
            ("device_os", "network", "spend"),
        ),
        when=(When("timeperiod"), When("gregorian date"), When("date"), When("day")),
        amounts=(Amount("spend"),),
        account=("account_id",),
        campaign_id=("campaign_id",),
        campaign_name=("campaign_name", "campaign"),
        currency=("currency_code", "currency"),
        levels=(Level("ad", ("ad_id",)), Level("adgroup", ("ad_group_id",))),
        segments=(
            Level("os", ("device_os",)),
            Level("device", ("device_type",)),
            Level("network", ("network",)),
            Level("distribution", ("ad_distribution",)),
            Level("bid", ("bid_match_type",)),
            Level("match", ("delivered_match_type",)),
            Level("top", ("top_vs_other",)),
        ),
    ),
)

"""Amazon Ads: daily reports of the API and what connectors make of them.

`date` is of the profile's time zone and counts as it is written. The currency stands beside the campaign's
budget.
"""

from ads.importers.formats import Amount, Format, Level, When

FORMATS = (
    Format(
        platform="amazon_ads",
        title="Amazon Ads",
        ask_for="Request the report with timeUnit DAILY and the date column.",
        marks=(
            ("=campaignId", "cost"),
            ("campaign_budget_currency_code", "cost"),
            ("campaign_budget_amount", "cost"),
            ("purchases_30_d", "cost"),
            ("sales_30_d", "cost"),
        ),
        when=(When("date", until="endDate"), When("startDate", until="endDate")),
        amounts=(Amount("cost"),),
        account=("profile_id", "account_id"),
        campaign_id=("campaign_id",),
        campaign_name=("campaign_name",),
        currency=("campaign_budget_currency_code", "currency", "currency_code"),
        levels=(
            Level("ad", ("ad_id",)),
            Level("keyword", ("keyword_id",)),
            Level("target", ("target_id",)),
            Level("adgroup", ("ad_group_id",)),
        ),
    ),
)

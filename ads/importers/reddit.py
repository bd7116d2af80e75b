"""Reddit: reports of the API and what connectors make of them. Spend is in millionths.

`date` is of the account's time zone and counts as it is written.
"""

from ads.importers.formats import Amount, Format, Level, When

FORMATS = (
    Format(
        platform="reddit",
        title="Reddit",
        ask_for="Ask Reddit for a breakdown by DATE.",
        marks=(("ecpm", "spend"), ("comments_page_views", "spend"), ("comment_upvotes", "spend")),
        when=(When("date"),),
        amounts=(Amount("spend", micros=True),),
        account=("account_id",),
        campaign_id=("campaign_id",),
        campaign_name=("campaign_name",),
        currency=("currency",),
        levels=(Level("ad", ("ad_id",)), Level("adgroup", ("ad_group_id",))),
        segments=(Level("region", ("region",)),),
    ),
)

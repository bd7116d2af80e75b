"""Snapchat: measurements of the API and what connectors make of them. Spend is in millionths.

`start_time` comes with the offset of the ad account's time zone, such as 2026-05-29T00:00:00.000-07:00: the
date and hour that are written are the account's, and count. A file with any row that is not at midnight is
hourly as a whole; one whose rows are all at midnight is daily. `end_time` is the first moment after the row.
"""

from ads.importers.formats import Amount, Format, Level, Times, When

FORMATS = (
    Format(
        platform="snapchat",
        title="Snapchat",
        ask_for="Ask Snapchat for granularity=DAY (or HOUR).",
        marks=(
            ("start_time", "spend"),
            ("swipes", "spend"),
            ("swipe_ups", "spend"),
            ("story_opens", "spend"),
            ("screen_time_millis", "spend"),
        ),
        when=(
            When("start_time", until="end_time", times=Times.DETECTED, until_is_excluded=True),
            When("date", times=Times.DETECTED),
        ),
        amounts=(Amount("spend", micros=True), Amount("stats.spend", micros=True)),
        account=("ad_account_id", "account_id"),
        campaign_id=("campaign_id", "id"),
        campaign_name=("campaign_name", "name"),
        currency=("currency",),
        levels=(Level("ad", ("ad_id",)), Level("adsquad", ("ad_squad_id",))),
    ),
)

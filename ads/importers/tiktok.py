"""TikTok: daily and hourly reports of the API and what connectors make of them.

`stat_time_day` and `stat_time_hour` are of the advertiser's time zone: a row counts for the date that is
written, hours such as 5:00:00 for the hour that is written.
"""

from ads.importers.formats import Amount, Format, Level, Times, When

FORMATS = (
    Format(
        platform="tiktok",
        title="TikTok",
        ask_for="Add the dimension stat_time_day (or stat_time_hour) to the report.",
        marks=(("stat_time_day", "spend"), ("stat_time_hour", "spend"), ("video_watched_6_s", "spend")),
        when=(When("stat_time_hour", times=Times.HOURS), When("stat_time_day")),
        amounts=(Amount("spend"),),
        account=("advertiser_id",),
        campaign_id=("campaign_id",),
        campaign_name=("campaign_name",),
        currency=("currency",),
        levels=(Level("ad", ("ad_id",)), Level("adgroup", ("adgroup_id",))),
    ),
)

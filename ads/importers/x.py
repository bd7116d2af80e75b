"""X (Twitter): analytics of the API and what connectors make of them. Charges are in millionths.

A day's row carries the account's midnight in UTC: 07:00 is Los Angeles', of the date that is written; 22:00 is
Berlin's, of the date after. A time before 11:00 therefore counts for the date written and a later one for the
next: accounts lie between UTC-10 (Honolulu) and UTC+13 (Auckland in summer). Times of one account that differ
by more than the hour of daylight saving show an hourly report, which is refused.
"""

from ads.importers.formats import Amount, Format, Level, Times, When

FORMATS = (
    Format(
        platform="x",
        title="X",
        ask_for="Ask X for granularity DAY.",
        marks=(("billed_charge_local_micro",),),
        when=(When("date", times=Times.UTC_MIDNIGHT), When("start_time", times=Times.UTC_MIDNIGHT)),
        amounts=(Amount("billed_charge_local_micro", micros=True),),
        account=("account_id",),
        campaign_id=("campaign_id", "id"),
        campaign_name=("campaign_name",),
        currency=("currency",),
        levels=(
            Level("ad", ("promoted_tweet_id",)),
            Level("adgroup", ("line_item_id",)),
        ),
        segments=(Level("placement", ("placement",)),),
    ),
)

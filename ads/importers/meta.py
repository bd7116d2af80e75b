"""Meta (Facebook, Instagram): the API's insights, what connectors make of them, and the interface's export.

Dates are of the ad account's time zone and count as they are written. A row from `date_start` to another
`date_stop` is a sum over days and cannot be booked; with a Day column that column rules. The interface puts
the currency into the header, "Amount spent (EUR)", and writes one line of totals without a campaign, which is
left out. Portuguese names are known as well, and those of a Brazilian connector (`data`, `campanha`, `gasto`).
"""

from ads.importers.formats import Amount, Format, Level, When

FORMATS = (
    Format(
        platform="meta",
        title="Meta",
        ask_for="In Ads Manager, choose Breakdown > By time > Day (time_increment=1 in the API) and export again.",
        marks=(
            ("amount spent (*)",),
            ("amount spent", "reporting starts"),
            ("valor usado (*)",),
            ("date_start", "spend"),
            ("inline_link_clicks", "spend"),
            ("gasto", "campanha"),
        ),
        when=(
            When("day"),
            When("dia"),
            When("date"),
            When("data"),
            When("date_start", until="date_stop"),
            When("reporting starts", until="reporting ends"),
            When("início dos relatórios", until="término dos relatórios"),
        ),
        amounts=(
            Amount("amount spent (*)", written=True),
            Amount("amount spent", written=True),
            Amount("valor usado (*)", written=True),
            Amount("spend"),
            Amount("gasto"),
        ),
        account=("account_id",),
        campaign_id=("campaign_id", "identificação da campanha"),
        campaign_name=("campaign_name", "nome da campanha", "campanha"),
        currency=("account_currency", "currency", "moeda"),
        levels=(
            Level("ad", ("ad_id", "identificação do anúncio")),
            Level("adset", ("adset_id", "ad set id", "identificação do conjunto de anúncios")),
        ),
        total_has_no_campaign=True,
        clean_account=lambda account: account.removeprefix("act_"),
    ),
)

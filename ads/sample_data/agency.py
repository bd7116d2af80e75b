"""The agency as data: its brands, their campaigns, and how each of them usually spends.

Amounts are in units of the brand's currency. Flights are in days from the brand's today.
"""

from dataclasses import dataclass
from datetime import time

from ads.rules.dayparting import Window

SHOPPING_WEEK = (88, 86, 92, 97, 109, 116, 112)
OFFICE_WEEK = (121, 128, 130, 126, 112, 42, 41)
EVEN_WEEK = (98, 97, 99, 100, 102, 103, 101)

# Thousandths of a usual day's spend in each hour of the brand's clock.
CONSUMER_DAY = (
    16, 10, 7, 6, 7, 12, 22, 36, 45, 49, 51, 53, 57, 54, 50, 49, 51, 56, 63, 71, 78, 72, 53, 32,
)  # fmt: skip


def every_day(start: str, end: str) -> tuple[Window, ...]:
    """One window on each day of the week."""
    return (Window(None, time.fromisoformat(start), time.fromisoformat(end)),)


def on_days(days: str, start: str, end: str) -> tuple[Window, ...]:
    """The same window on some days, given by their numbers (Monday is 0)."""
    return tuple(Window(int(day), time.fromisoformat(start), time.fromisoformat(end)) for day in days)


def each_hour(minute: int, minutes: int) -> tuple[Window, ...]:
    """A window in every hour of every day, from one minute of it and so many minutes long."""
    return tuple(Window(None, time(hour, minute), _later(hour, minute + minutes)) for hour in range(24))


def _later(hour: int, minute: int) -> time:
    return time((hour + minute // 60) % 24, minute % 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCampaign:
    """A campaign; `usual_day` is what it spends on an average day on which nothing keeps it from running."""

    name: str
    platform: str
    external_id: str
    usual_day: int
    daily_budget: int | None = None
    monthly_budget: int | None = None
    total_budget: int | None = None
    starts: int | None = None
    ends: int | None = None
    windows: tuple[Window, ...] = ()
    zone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleBrand:
    """A client of the agency.

    `week` gives each weekday's part of an average day in percent, Monday first. At the moment at which the
    history ends, `today_percent` of the daily budget is spent. The campaigns of a brand `in_a_hurry` spend far
    above their usual pace when spend is simulated, so that limits are reached while somebody watches.
    """

    name: str
    currency: str
    timezone: str
    manager: str
    campaigns: tuple[SampleCampaign, ...]
    daily_budget: int | None = None
    monthly_budget: int | None = None
    days_of_history: int = 60
    week: tuple[int, ...] = EVEN_WEEK
    today_percent: int | None = None
    in_a_hurry: bool = False


HARBOR = SampleBrand(
    name="Harbor & Pine Outdoor",
    currency="USD",
    timezone="America/New_York",
    manager="sample.amara",
    daily_budget=1200,
    monthly_budget=40000,
    week=EVEN_WEEK,
    today_percent=96,
    in_a_hurry=True,
    campaigns=(
        SampleCampaign(name="Brand Search", platform="google_ads", external_id="20817734101", usual_day=270),
        SampleCampaign(
            name="Trail Shoes Shopping",
            platform="google_ads",
            external_id="20817734118",
            usual_day=290,
            daily_budget=400,
        ),
        SampleCampaign(
            name="Lookbook",
            platform="meta",
            external_id="120214880317540163",
            usual_day=180,
            starts=-40,
            ends=20,
        ),
        SampleCampaign(
            name="Retargeting 30 days", platform="meta", external_id="120214880317540171", usual_day=110
        ),
        SampleCampaign(
            name="Campfire Reels",
            platform="tiktok",
            external_id="1792044106653713",
            usual_day=150,
            windows=every_day("18:00", "02:00"),
        ),
        SampleCampaign(
            name="Spring Clearance",
            platform="meta",
            external_id="120214880317540188",
            usual_day=130,
            starts=-60,
            ends=-13,
        ),
    ),
)

MAISON = SampleBrand(
    name="Maison Solene",
    currency="EUR",
    timezone="Europe/Paris",
    manager="sample.claire",
    daily_budget=900,
    monthly_budget=30000,
    week=EVEN_WEEK,
    today_percent=100,
    in_a_hurry=True,
    campaigns=(
        SampleCampaign(
            name="Marque - Search", platform="google_ads", external_id="21003415570", usual_day=270
        ),
        SampleCampaign(
            name="Soins visage",
            platform="meta",
            external_id="120215007741900024",
            usual_day=250,
            monthly_budget=8000,
        ),
        SampleCampaign(
            name="Parfums - coffrets",
            platform="pinterest",
            external_id="626744128391",
            usual_day=95,
            starts=-25,
            ends=35,
        ),
        SampleCampaign(
            name="Nuit",
            platform="meta",
            external_id="120215007741900031",
            usual_day=180,
            windows=every_day("22:00", "06:00"),
        ),
        SampleCampaign(
            name="Lancement Mascara",
            platform="tiktok",
            external_id="1793150020418577",
            usual_day=120,
            starts=9,
            ends=45,
        ),
    ),
)

KUMO = SampleBrand(
    name="Kumo Electric",
    currency="JPY",
    timezone="Asia/Tokyo",
    manager="sample.amara",
    daily_budget=150000,
    monthly_budget=8500000,
    week=SHOPPING_WEEK,
    today_percent=108,
    campaigns=(
        SampleCampaign(name="指名検索", platform="google_ads", external_id="19944820613", usual_day=84000),
        SampleCampaign(
            name="ショッピング", platform="google_ads", external_id="19944820645", usual_day=96000
        ),
        SampleCampaign(
            name="新生活キャンペーン", platform="meta", external_id="120213554900710042", usual_day=62000
        ),
        SampleCampaign(
            name="深夜ショート動画",
            platform="tiktok",
            external_id="1788417700932640",
            usual_day=30000,
            windows=on_days("456", "21:00", "03:00"),
        ),
        SampleCampaign(
            name="在庫一掃",
            platform="google_ads",
            external_id="19944820688",
            usual_day=26000,
            total_budget=1000000,
        ),
    ),
)

LEKKI = SampleBrand(
    name="Lekki Fresh Market",
    currency="NGN",
    timezone="Africa/Lagos",
    manager="sample.amara",
    daily_budget=600000,
    monthly_budget=18000000,
    week=SHOPPING_WEEK,
    campaigns=(
        SampleCampaign(
            name="Same-Day Delivery", platform="google_ads", external_id="20650019207", usual_day=210000
        ),
        SampleCampaign(
            name="Market Day",
            platform="meta",
            external_id="120214220096330517",
            usual_day=190000,
            windows=on_days("45", "06:00", "14:00"),
        ),
        SampleCampaign(
            name="Lunch Boxes",
            platform="meta",
            external_id="120214220096330529",
            usual_day=240000,
            windows=on_days("01234", "10:30", "13:30"),
        ),
        SampleCampaign(
            name="First Order 20% Off",
            platform="tiktok",
            external_id="1790622847011089",
            usual_day=120000,
            total_budget=4000000,
        ),
        SampleCampaign(
            name="Rewards Club",
            platform="meta",
            external_id="120214220096330544",
            usual_day=80000,
            daily_budget=70000,
        ),
        SampleCampaign(
            name="Harvest Week",
            platform="google_ads",
            external_id="20650019240",
            usual_day=90000,
            starts=3,
            ends=10,
        ),
    ),
)

REEF = SampleBrand(
    name="Reef & Range Travel",
    currency="AUD",
    timezone="Australia/Sydney",
    manager="sample.claire",
    monthly_budget=60000,
    week=SHOPPING_WEEK,
    campaigns=(
        SampleCampaign(
            name="Flights Search", platform="google_ads", external_id="20411863392", usual_day=620
        ),
        SampleCampaign(
            name="Island Hotels", platform="microsoft_ads", external_id="518820947", usual_day=240
        ),
        SampleCampaign(
            name="Last Minute Weekends",
            platform="meta",
            external_id="120213990041870266",
            usual_day=330,
            windows=on_days("23", "12:00", "00:00") + on_days("4", "00:00", "18:00"),
        ),
        SampleCampaign(
            name="Snow Season",
            platform="meta",
            external_id="120213990041870278",
            usual_day=190,
            starts=-75,
            ends=-4,
        ),
        SampleCampaign(
            name="Cruise Remarketing", platform="google_ads", external_id="20411863405", usual_day=150
        ),
    ),
)

NORDLICHT = SampleBrand(
    name="Nordlicht Software",
    currency="EUR",
    timezone="Europe/Berlin",
    manager="sample.claire",
    daily_budget=2000,
    week=OFFICE_WEEK,
    campaigns=(
        SampleCampaign(
            name="Demo Requests DACH",
            platform="linkedin",
            external_id="331904416",
            usual_day=640,
            windows=on_days("01234", "08:00", "18:00"),
        ),
        SampleCampaign(
            name="Webinar US",
            platform="linkedin",
            external_id="331904428",
            usual_day=380,
            windows=on_days("01234", "09:00", "17:00"),
            zone="America/Chicago",
        ),
        SampleCampaign(
            name="Competitor Terms",
            platform="microsoft_ads",
            external_id="519003371",
            usual_day=160,
            daily_budget=150,
        ),
        SampleCampaign(
            name="Product Search",
            platform="google_ads",
            external_id="21118540926",
            usual_day=310,
            monthly_budget=12000,
        ),
        SampleCampaign(
            name="Whitepaper Security",
            platform="linkedin",
            external_id="331904435",
            usual_day=140,
            starts=-55,
            ends=30,
        ),
    ),
)

OLD_MILL = SampleBrand(
    name="Old Mill Furniture",
    currency="GBP",
    timezone="Europe/London",
    manager="sample.claire",
    daily_budget=500,
    monthly_budget=14000,
    week=SHOPPING_WEEK,
    campaigns=(
        SampleCampaign(name="Sofas Search", platform="google_ads", external_id="20390275514", usual_day=140),
        SampleCampaign(name="Garden Sets", platform="meta", external_id="120213771120480908", usual_day=120),
        SampleCampaign(
            name="Oak Tables Shopping", platform="google_ads", external_id="20390275537", usual_day=90
        ),
        SampleCampaign(name="Room Planner", platform="pinterest", external_id="626743990215", usual_day=45),
    ),
)

DELTA = SampleBrand(
    name="Delta Wave Radio",
    currency="USD",
    timezone="",
    manager="sample.amara",
    days_of_history=1,
    campaigns=(
        SampleCampaign(
            name="Rotation A",
            platform="google_ads",
            external_id="21240067311",
            usual_day=90,
            windows=each_hour(0, 20),
        ),
        SampleCampaign(
            name="Rotation B",
            platform="google_ads",
            external_id="21240067329",
            usual_day=90,
            windows=each_hour(10, 20),
        ),
        SampleCampaign(
            name="Rotation C",
            platform="google_ads",
            external_id="21240067337",
            usual_day=90,
            windows=each_hour(30, 20),
        ),
        SampleCampaign(
            name="Rotation D",
            platform="google_ads",
            external_id="21240067345",
            usual_day=90,
            windows=each_hour(40, 20),
        ),
    ),
)

AGENCY = (HARBOR, MAISON, KUMO, LEKKI, REEF, NORDLICHT, OLD_MILL, DELTA)

ACCOUNTS = {
    "google_ads": "482-190-7731",
    "meta": "act_1048821930577164",
    "tiktok": "7290148830215520257",
    "linkedin": "508814472",
    "microsoft_ads": "X8810442",
    "pinterest": "549763810046",
}

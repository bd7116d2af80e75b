"""Who works at the agency, and what they did in the weeks before: the history is not made by spend alone."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User

from ads.actor import acting_as
from ads.models import Brand, Campaign, Kind
from ads.rights import ACCOUNT_MANAGER, ADMINISTRATOR, TRAFFICKER, VIEWER, Role
from ads.sample_data.agency import HARBOR, KUMO, MAISON, NORDLICHT, OLD_MILL, REEF, SampleBrand
from ads.services import BudgetService, CampaignService


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody beside the account managers, with the brands they see."""

    username: str
    role: Role
    brands: tuple[SampleBrand, ...] = ()


COLLEAGUES = (
    Colleague("sample.vera", VIEWER, (MAISON, HARBOR)),
    Colleague("sample.tomas", TRAFFICKER, (HARBOR, KUMO, REEF, NORDLICHT)),
    Colleague("sample.ines", ADMINISTRATOR),  # sees every brand
)
ONE_OF_EACH_ROLE = {
    HARBOR.manager: ACCOUNT_MANAGER,
    **{colleague.username: colleague.role for colleague in COLLEAGUES},
}


def employ(username: str, role: Role) -> User:
    """The user of this name, who has this role from the first day and cannot sign in."""
    user, is_new = User.objects.get_or_create(username=username, defaults={"password": make_password(None)})
    if is_new:
        user.groups.add(*Group.objects.filter(name=role.name))
    return user


def let_in(password: str) -> dict[str, str]:
    """Lets one of each role sign in with this password, if nobody gave them another; the role by the name."""
    users = User.objects.filter(username__in=ONE_OF_EACH_ROLE)
    for user in users:
        if not user.has_usable_password():
            user.set_password(password)
            user.is_staff = True
            user.save()
    return {
        user.username: ONE_OF_EACH_ROLE[user.username].name
        for user in users.order_by("pk")
        if user.check_password(password)
    }


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that the brand's manager did, so many days ago at this time of the brand's clock."""

    days_ago: int
    clock_time: str
    brand: SampleBrand
    do: Callable[[Brand], None]

    def run(self) -> None:
        """Does it in the manager's name, at what Django's clock shows."""
        with acting_as(User.objects.get(username=self.brand.manager)):
            self.do(Brand.objects.get(name=self.brand.name))


def _campaign(brand: Brand, name: str) -> Campaign:
    return brand.campaigns.get(name=name)


def _raise_daily_budget(brand: Brand) -> None:
    brand.daily_budget = Decimal(165000)
    brand.save()


def _switch_off_whitepaper(brand: Brand) -> None:
    CampaignService.switch_off(_campaign(brand, "Whitepaper Security"))


def _archive_cruises(brand: Brand) -> None:
    CampaignService.archive(_campaign(brand, "Cruise Remarketing"))


def _enter_last_invoice(brand: Brand) -> None:
    BudgetService.record_spend(
        _campaign(brand, "Cruise Remarketing"),
        Decimal("64.10"),
        "Last invoice, after the end",
        external_id="invoice-88120",
    )


def _switch_off_brand(brand: Brand) -> None:
    brand.is_active = False
    brand.save()


def _start_the_day_afresh(brand: Brand) -> None:
    BudgetService.reset_budgets(brands=[brand], daily=True)


def _refund_invalid_clicks(brand: Brand) -> None:
    BudgetService.record_spend(
        _campaign(brand, "Trail Shoes Shopping"),
        Decimal("-38.20"),
        "Invalid clicks",
        kind=Kind.REFUND,
        source="google_ads",
        external_id="credit-20817734118-1",
    )


def _reverse_double_entry(brand: Brand) -> None:
    entered = BudgetService.record_spend(
        _campaign(brand, "Soins visage"),
        Decimal("120.00"),
        "Insertion order 2207",
        external_id="insertion-order-2207",
    )
    BudgetService.reverse_spend(entered, "Is in the platform's report already")


def _lower_monthly_budget(brand: Brand) -> None:
    """To a little less than what is spent, in whole hundreds; on a first of the month there is nothing yet."""
    spent = BudgetService.get_brand_summary(brand)["monthly_spent"]
    if spent >= 100:
        brand.monthly_budget = spent // 100 * 100
        brand.save()


ACTS = (
    Act(33, "11:20", KUMO, _raise_daily_budget),
    Act(25, "10:05", NORDLICHT, _switch_off_whitepaper),
    Act(18, "15:40", REEF, _archive_cruises),
    Act(16, "16:20", REEF, _enter_last_invoice),
    Act(9, "17:30", OLD_MILL, _switch_off_brand),
    Act(6, "22:10", KUMO, _start_the_day_afresh),
    Act(3, "11:10", HARBOR, _refund_invalid_clicks),
    Act(2, "09:40", MAISON, _reverse_double_entry),
    Act(0, "00:45", REEF, _lower_monthly_budget),
)

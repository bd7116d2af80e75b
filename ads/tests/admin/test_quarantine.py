"""The quarantine in the admin: why, as it came, matched, corrected, tried again, dismissed; each row counted once."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from freezegun import freeze_time

from ads.models import (
    Brand,
    Campaign,
    CampaignAlias,
    ImportState,
    QuarantinedSpend,
    QuarantineState,
    SpendImport,
    SpendLog,
)
from ads.rights import VIEWER
from ads.rules.serving import Reason, Status
from ads.services.ingest import ingest_events
from ads.services.records import SpendEvent
from ads.services.release import dismiss, release
from ads.tests.admin.browser import act_url, list_url, page_url, run, told
from ads.tests.admin.test_imports import TODAY, recorded
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON, brand_day, state
from ads.tests.people import take_role

LIST = list_url(QuarantinedSpend)


def rows(**which: Any) -> list[QuarantinedSpend]:
    return list(QuarantinedSpend.objects.filter(**which).order_by("pk"))


def one(**which: Any) -> QuarantinedSpend:
    (row,) = rows(**which)
    return row


def event(campaign_id: int, amount: str = "5", **changes: Any) -> SpendEvent:
    micros = int(Decimal(amount) * 1_000_000)
    return SpendEvent(campaign_id=campaign_id, amount_micros=micros, **{"external_id": "a", **changes})


def arrive(*records: SpendEvent) -> list[QuarantinedSpend]:
    list(ingest_events(records, source="adserver", now=NOON))
    return rows(state=QuarantineState.OPEN)


def shown(client: Client, **query: str) -> list[QuarantinedSpend]:
    return list(client.get(LIST, query).context["cl"].result_list)


def form_errors(response: Any) -> dict[str, list[str]]:
    return {field: list(found) for field, found in response.context["form"].errors.items()}


def states(found: Iterable[QuarantinedSpend]) -> list[str]:
    return list(
        QuarantinedSpend.objects.filter(pk__in=[row.pk for row in found])
        .order_by("pk")
        .values_list("state", flat=True)
    )


class TestMatching:
    def test_it_says_how_much_waits_and_counts_all_of_it_once(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        recorded(ada, brand, f"{TODAY},Gravel,60.00", "2026-03-09,Gravel,1.25", f"{TODAY},Other,7.00")
        with freeze_time(NOON + timedelta(minutes=1)):
            recorded(ada, brand, f"{TODAY},Gravel,60.00", "2026-03-08,Gravel,58.50", name="next.csv")
        (gravel, *_) = rows(campaign_name="Gravel")
        page = ada.get(act_url(gravel, "match")).content.decode()
        assert "3 rows, $119.75, wait for this match" in page
        assert "Match and count 3 rows" in page
        assert not SpendLog.objects.exists()

        response = ada.post(act_url(gravel, "match"), {"campaign": campaign.pk})
        assert response.headers["Location"] == LIST
        counted, *others = told(response)
        assert counted.startswith("3 rows are counted: $119.75 booked for ")
        assert others == []
        assert brand_day(brand, NOON.date()) == 60
        assert states(rows(campaign_name="Gravel")) == ["RELEASED"] * 3
        assert states(rows(campaign_name="Other")) == ["OPEN"]
        assert CampaignAlias.objects.get().name == "Gravel"
        assert set(SpendLog.objects.values_list("recorded_by", flat=True)) == {"ada"}

    def test_what_follows_for_campaigns_is_told(self, ada: Client, brand: Brand, campaign: Campaign) -> None:
        recorded(ada, brand, f"{TODAY},Gravel,100.00")
        response = ada.post(act_url(one(), "match"), {"campaign": campaign.pk})
        assert told(response)[1:] == ["Summer Sale (Acme) paused: Brand daily budget reached."]
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))

    def test_from_the_list_rows_of_one_brand_at_a_time(
        self, ada: Client, brand: Brand, other_brand: Brand, campaign: Campaign
    ) -> None:
        recorded(ada, brand, f"{TODAY},Gravel,1.00", f"{TODAY},Sand,2.00", f"{TODAY},Stone,4.00")
        recorded(ada, other_brand, f"{TODAY},Gravel,8.00")
        assert told(run(ada, "match", rows())) == ["Choose rows of one brand at a time."]
        two = rows(brand=brand, campaign_name__in=["Gravel", "Sand"])
        assert run(ada, "match", two).context["count"] == 2
        run(ada, "match", two, campaign=str(campaign.pk))
        assert brand_day(brand, NOON.date()) == 3
        assert [row.campaign_name for row in rows(state="OPEN")] == ["Stone", "Gravel"]

    def test_a_campaign_of_another_brand_is_refused(
        self, ada: Client, brand: Brand, other_campaign: Campaign
    ) -> None:
        recorded(ada, brand, f"{TODAY},Gravel,1.00")
        response = ada.post(act_url(one(), "match"), {"campaign": other_campaign.pk})
        assert list(form_errors(response)) == ["campaign"]
        assert not SpendLog.objects.exists()

    def test_campaigns_to_choose_from_are_the_brands(
        self, ada: Client, brand: Brand, campaign: Campaign, other_campaign: Campaign
    ) -> None:
        recorded(ada, brand, f"{TODAY},Gravel,1.00")
        url = f"{reverse('admin:ads_campaign_choices')}?brand={brand.pk}"
        assert f'data-ajax--url="{url}"' in ada.get(act_url(one(), "match")).content.decode()
        where = {"app_label": "ads", "model_name": "quarantinedspend", "field_name": "campaign", "term": ""}
        found = ada.get(reverse("admin:ads_campaign_choices"), {"brand": str(brand.pk), **where}).json()[
            "results"
        ]
        assert [choice["text"] for choice in found] == ["Summer Sale, Acme (USD)"]

    def test_what_still_waits_is_told_with_why(self, ada: Client, brand: Brand, campaign: Campaign) -> None:
        recorded(ada, brand, f"{TODAY},Gravel,1.00")
        SpendImport.objects.update(state=ImportState.IMPORTING)
        response = ada.post(act_url(one(), "match"), {"campaign": campaign.pk})
        assert told(response) == [
            "1 row still waits: its file is still being worked on; try again when that is done."
        ]
        assert response.headers["Location"] == page_url(one())

    def test_what_somebody_else_decided_meanwhile_is_told_and_not_counted_again(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        recorded(ada, brand, f"{TODAY},Gravel,10.00", f"{TODAY},Sand,5.00")
        gravel, sand = rows()
        release([gravel.pk], campaign=campaign, by="nina", now=NOON)
        response = run(ada, "match", [gravel, sand], campaign=str(campaign.pk))
        assert told(response)[0] == "1 row was decided on before, and left as decided."
        assert told(response)[1].startswith("1 row is counted: $5.00 booked")
        again = ada.post(act_url(gravel, "match"), {"campaign": campaign.pk})
        assert told(again) == ["1 row was decided on before, and left as decided."]
        assert brand_day(brand, NOON.date()) == 15


class TestCorrecting:
    def test_another_currency_with_the_amount_in_the_brands(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        (row,) = arrive(event(campaign.pk, "12.5", currency="GBP"))
        page = ada.get(act_url(row, "correct"))
        form = page.context["form"]
        assert form.fields["amount"].label == "Amount (USD)"
        assert form.fields["amount"].help_text == "The record says £12.50."
        assert "amount" not in form.initial
        assert "GBP is not the brand" in page.content.decode()
        sent = {"campaign": campaign.pk, "amount": "15.75", "spent_on": "", "external_id": "a"}
        response = ada.post(act_url(row, "correct"), sent)
        assert told(response)[0].startswith("1 row is counted: $15.75 booked for ")
        log = SpendLog.objects.get()
        assert (log.amount, log.external_id, log.spent_on) == (Decimal("15.75"), "a", NOON.date())
        assert one().note == "Corrected by hand: amount."

    def test_an_unreadable_row_with_what_a_person_reads_in_it(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        recorded(ada, brand, f"{TODAY},Summer Sale,4.00", f"{TODAY},Summer Sale,about five")
        row = one()
        page = ada.get(page_url(row)).content.decode()
        assert "about five" in page
        assert "correct and count it with what it says" in page
        said = {"campaign": campaign.pk, "amount": "5.00", "spent_on": TODAY, "line": ""}
        wrong: list[tuple[dict[str, Any], str, str]] = [
            (
                {"amount": "5,00"},
                "amount",
                "“5,00” is not clear: thousands are parted by a comma, as in 1,300, decimals by a point, as in 1.30.",
            ),
            ({"amount": ""}, "amount", "Say how much was spent, such as 12.50."),
            ({"spent_on": ""}, "spent_on", "Say on which day it was spent, such as 2026-03-31."),
            ({"spent_on": "31/03"}, "spent_on", "That is not a date; 2026-03-31 would be one."),
            ({"campaign": ""}, "campaign", "Choose the campaign that it was spent on."),
        ]
        for changed, field, message in wrong:
            assert form_errors(ada.post(act_url(row, "correct"), said | changed)) == {field: [message]}
        (ahead,) = form_errors(ada.post(act_url(row, "correct"), said | {"spent_on": "2026-04-01"}))[
            "spent_on"
        ]
        assert ahead.startswith("2026-04-01 is more than 24 hours ahead of now, 2026-03-10 12:00 UTC")
        assert one().state == QuarantineState.OPEN
        assert brand_day(brand, NOON.date()) == 4
        assert told(ada.post(act_url(row, "correct"), said))[0].startswith("1 row is counted: $5.00 booked")
        assert brand_day(brand, NOON.date()) == 9

    def test_too_far_ahead_with_its_right_date(self, ada: Client, brand: Brand, campaign: Campaign) -> None:
        recorded(ada, brand, "2026-03-20,Summer Sale,4.00")
        row = one()
        sent = {"campaign": campaign.pk, "amount": "4.00", "spent_on": "2026-03-02", "line": ""}
        ada.post(act_url(row, "correct"), sent)
        assert brand_day(brand, date(2026, 3, 2)) == 4
        assert one().note == "Corrected by hand: date."

    def test_a_conflict_only_under_another_id(self, ada: Client, campaign: Campaign) -> None:
        (row,) = arrive(event(campaign.pk, "5"), event(campaign.pk, "6"))
        sent = {"campaign": campaign.pk, "amount": "6", "spent_on": "", "external_id": "a"}
        (message,) = form_errors(ada.post(act_url(row, "correct"), sent))["external_id"]
        assert message.startswith("a was recorded before as SPEND of 5")
        ada.post(act_url(row, "correct"), sent | {"external_id": "a-2"})
        assert sorted(SpendLog.objects.values_list("external_id", "amount_micros")) == [
            ("a", 5_000_000),
            ("a-2", 6_000_000),
        ]

    def test_one_at_a_time(self, ada: Client, campaign: Campaign) -> None:
        found = arrive(
            event(campaign.pk, currency="GBP"), event(campaign.pk, currency="GBP", external_id="b")
        )
        assert told(run(ada, "correct", found)) == ["Choose one row at a time to correct."]
        assert run(ada, "correct", found[:1]).status_code == 200


class TestOtherDecisions:
    def test_tried_again_it_is_counted_once_its_campaign_is_there(self, ada: Client, brand: Brand) -> None:
        recorded(ada, brand, f"{TODAY},Gravel,10.00", f"{TODAY},Sand,5.00")
        CampaignFactory.create(brand=brand, name="Gravel")
        messages = told(run(ada, "try_again", rows()))
        counted, waits = messages
        assert counted == "1 row is counted: $10.00 booked for Acme."
        assert waits.startswith("1 row still waits: campaign “Sand” is not known; match it to one of")
        assert brand_day(brand, NOON.date()) == 10

    def test_amounts_of_brands_are_told_apart(self, ada: Client, brand: Brand) -> None:
        euros = BrandFactory.create(name="Zoo", currency="EUR")
        for owner in (brand, euros):
            recorded(ada, owner, f"{TODAY},Gravel,10.00")
            CampaignFactory.create(brand=owner, name="Gravel")
        assert told(run(ada, "try_again", rows())) == [
            "1 row is counted: $10.00 booked for Acme.",
            "1 row is counted: €10.00 booked for Zoo.",
        ]

    def test_dismissed_with_a_note_and_taken_up_again(self, ada: Client, brand: Brand) -> None:
        recorded(ada, brand, f"{TODAY},Gravel,10.00", f"{TODAY},Sand,5.00")
        page = run(ada, "dismiss", rows()).content.decode()
        assert "2 rows, $15.00, will not be counted" in page
        assert shown(ada) == rows()[::-1]
        assert told(run(ada, "dismiss", rows(), note="test spend")) == [
            "2 rows are dismissed: kept, and not counted."
        ]
        assert shown(ada) == []
        assert shown(ada, state="DISMISSED") == rows()[::-1]
        row = rows()[0]
        page = ada.get(page_url(row)).content.decode()
        assert "Dismissed 12:00 today by ada. test spend" in " ".join(page.split()).replace(
            '<time class="ab-time" datetime="2026-03-10T12:00:00+00:00">', ""
        ).replace("</time>", "")
        assert "Take up again" in page
        assert "Correct and count" not in page
        assert told(ada.post(act_url(row, "take_up_again"))) == [
            "1 row is taken up again, and waiting for you."
        ]
        assert told(run(ada, "take_up_again", rows())) == [
            "1 row is taken up again, and waiting for you.",
            "1 row was decided on before, and left as decided.",
        ]
        assert shown(ada) == rows()[::-1]
        assert not SpendLog.objects.exists()

    def test_dismissed_by_somebody_else_meanwhile(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        recorded(ada, brand, f"{TODAY},Gravel,10.00")
        dismiss([one().pk], by="nina", now=NOON)
        assert told(ada.post(act_url(one(), "match"), {"campaign": campaign.pk})) == [
            "1 row was decided on before, and left as decided."
        ]
        assert (one().resolved_by, SpendLog.objects.count()) == ("nina", 0)

    def test_what_changes_something_is_not_done_by_looking(self, ada: Client, brand: Brand) -> None:
        recorded(ada, brand, f"{TODAY},Gravel,10.00")
        CampaignFactory.create(brand=brand, name="Gravel")
        assert ada.get(act_url(one(), "try_again")).status_code == 405
        for act in ("match", "correct", "dismiss"):
            assert ada.get(act_url(one(), act)).status_code == 200
        assert (one().state, SpendLog.objects.count()) == ("OPEN", 0)


class TestShowing:
    def test_the_list_filters_and_searches(self, ada: Client, brand: Brand, campaign: Campaign) -> None:
        assert "all spend that arrived is counted" in ada.get(LIST).content.decode()
        recorded(ada, brand, f"{TODAY},Gravel 2027,10.00", f"{TODAY},Summer Sale,x")
        arrive(event(campaign.pk, currency="GBP", external_id="gb-1"))
        unknown, unreadable, currency = (
            one(problem=p) for p in ("UNKNOWN_CAMPAIGN", "UNREADABLE", "CURRENCY")
        )
        assert set(shown(ada)) == {unknown, unreadable, currency}
        assert shown(ada, problem="UNREADABLE") == [unreadable]
        assert shown(ada, source="adserver") == [currency]
        assert shown(ada, q="gravel") == [unknown]
        assert shown(ada, q="gb-1") == [currency]
        assert shown(ada, q="gb-") == []
        page = ada.get(LIST).content.decode()
        for words in (
            "£5.00",
            "Gravel 2027",
            "spend.csv",
            "Other currency",
            "GBP is not the brand&#x27;s currency",
        ):
            assert words in page, words

    def test_the_number_that_waits_stands_in_the_sidebar_and_costs_one_query(
        self, ada: Client, nina: Client, manager: User, brand: Brand, other_brand: Brand
    ) -> None:
        def badge(client: Client) -> Any:
            groups = client.get(reverse("admin:index")).context["sidebar_navigation"]
            (item,) = (item for group in groups for item in group["items"] if item["title"] == "Quarantine")
            return item.get("badge")

        assert badge(ada) is None
        recorded(ada, brand, f"{TODAY},Gravel,10.00")
        recorded(ada, other_brand, f"{TODAY},Gravel,10.00", f"{TODAY},Sand,10.00")
        assert (badge(ada), badge(nina)) == (3, 1)
        with CaptureQueriesContext(connection) as captured:
            ada.get(reverse("admin:index"))
        assert sum("ads_quarantinedspend" in query["sql"] for query in captured) == 1
        manager.groups.clear()
        with CaptureQueriesContext(connection) as captured:
            assert badge(nina) is None
        assert not any("ads_quarantinedspend" in query["sql"] for query in captured)

    def test_what_a_record_says_is_shown_and_never_run(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        evil = "<script>alert(1)</script>"
        recorded(ada, brand, f"{TODAY},{evil},10.00", f"{evil},{evil},1", name="<b>x.csv")
        arrive(event(campaign.pk, currency="GBP", external_id=evil, description=evil))
        CampaignAlias.objects.create(
            brand=brand, campaign=campaign, platform="<b>x", external_id=evil, created_at=NOON
        )
        pages = [LIST, list_url(CampaignAlias), page_url(CampaignAlias.objects.get()), page_url(campaign)]
        pages.append(page_url(CampaignAlias.objects.get(), "delete"))
        for row in rows():
            pages += [page_url(row), *(act_url(row, act) for act in ("match", "correct", "dismiss"))]
        for url in pages:
            page = ada.get(url).content.decode()
            assert "<script>alert" not in page, url
            assert "<b>x" not in page, url
        CampaignFactory.create(brand=brand, name=evil)
        page = run(ada, "try_again", rows()).headers["Location"]
        assert "<script>alert" not in ada.get(page).content.decode()


class TestRights:
    def test_others_rows_are_as_if_they_did_not_exist(
        self, ada: Client, nina: Client, campaign: Campaign, other_campaign: Campaign
    ) -> None:
        (theirs,) = arrive(event(other_campaign.pk, currency="GBP"))
        (_, nobodys) = arrive(event(999_999))
        for row in (theirs, nobodys):
            assert nina.get(page_url(row)).status_code == 404
            for act in ("match", "correct", "try_again", "dismiss"):
                said = {"campaign": campaign.pk, "amount": "1"}
                assert nina.post(act_url(row, act), said).status_code == 404
            run(nina, "dismiss", [row], note="x")
        assert shown(nina) == []
        assert set(shown(ada)) == {theirs, nobodys}
        assert (states([theirs, nobodys]), SpendLog.objects.count()) == (["OPEN", "OPEN"], 0)

    def test_a_match_takes_no_rows_of_others_along_and_to_no_campaign_of_others(
        self, ada: Client, nina: Client, brand: Brand, other_brand: Brand, other_campaign: Campaign
    ) -> None:
        for owner in (brand, other_brand):
            recorded(ada, owner, f"{TODAY},Gravel,10.00")
        hers = one(brand=brand)
        assert nina.get(act_url(hers, "match")).context["count"] == 1
        response = nina.post(act_url(hers, "match"), {"campaign": other_campaign.pk})
        assert list(form_errors(response)) == ["campaign"]
        assert not SpendLog.objects.exists()

    def test_who_may_only_look_decides_nothing(
        self, ada: Client, nina: Client, manager: User, brand: Brand
    ) -> None:
        recorded(ada, brand, f"{TODAY},Gravel,10.00")
        take_role(manager, VIEWER)
        page = nina.get(page_url(one())).content.decode()
        assert "Try again" not in page
        for act in ("match", "correct", "try_again", "dismiss", "take_up_again"):
            assert nina.post(act_url(one(), act), {"note": "x"}).status_code == 403
            run(nina, act, rows(), note="x")
        assert one().state == QuarantineState.OPEN

    def test_nothing_is_edited_added_or_deleted(self, ada: Client, brand: Brand) -> None:
        recorded(ada, brand, f"{TODAY},Gravel,10.00")
        assert ada.post(page_url(one()), {"state": "RELEASED"}).status_code == 403
        assert ada.post(page_url(one(), "delete"), {"post": "yes"}).status_code == 403
        assert ada.get(reverse("admin:ads_quarantinedspend_add")).status_code == 403
        run(ada, "delete_selected", rows(), post="yes")
        assert one().state == QuarantineState.OPEN


class TestLearnedMatches:
    @pytest.fixture
    def alias(self, ada: Client, brand: Brand, campaign: Campaign) -> CampaignAlias:
        recorded(ada, brand, f"{TODAY},Gravel,10.00")
        ada.post(act_url(one(), "match"), {"campaign": campaign.pk})
        return CampaignAlias.objects.get()

    def test_are_listed_found_and_named_on_the_campaigns_page(
        self, ada: Client, alias: CampaignAlias, campaign: Campaign
    ) -> None:
        url = list_url(CampaignAlias)
        assert list(ada.get(url, {"q": "grav"}).context["cl"].result_list) == [alias]
        assert list(ada.get(url, {"q": "sand"}).context["cl"].result_list) == []
        page = ada.get(url).content.decode()
        assert "from ada" in page
        assert page_url(campaign) in page
        assert "Gravel</b>" in ada.get(page_url(campaign)).content.decode()

    def test_one_that_spend_was_counted_by_stays_or_restated_days_would_count_again(
        self, ada: Client, alias: CampaignAlias, brand: Brand
    ) -> None:
        assert ada.post(page_url(alias, "delete"), {"post": "yes"}).status_code == 403
        assert CampaignAlias.objects.exists()
        assert brand_day(brand, NOON.date()) == 10

    def test_one_that_nothing_was_counted_by_can_be_forgotten_and_files_wait_again(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        alias = CampaignAlias.objects.create(
            brand=brand, campaign=campaign, platform="generic", name="Gravel", created_at=NOON
        )
        page = ada.get(page_url(alias, "delete")).content.decode()
        assert "Forget that Gravel on generic is Summer Sale?" in page
        assert "What was recorded stays. Rows of later files for it wait in the quarantine again" in page
        assert CampaignAlias.objects.exists()
        assert ada.post(page_url(alias, "delete"), {"post": "yes"}).status_code == 302
        assert not CampaignAlias.objects.exists()
        recorded(ada, brand, f"{TODAY},Gravel,11.00", name="next.csv")
        assert [row.amount for row in rows(state="OPEN")] == [11]

    def test_of_others_are_neither_seen_nor_forgotten(
        self, nina: Client, manager: User, alias: CampaignAlias, brand: Brand
    ) -> None:
        brand.assigned_to.remove(manager)
        assert list(nina.get(list_url(CampaignAlias)).context["cl"].result_list) == []
        nina.post(page_url(alias, "delete"), {"post": "yes"})
        assert CampaignAlias.objects.exists()

    def test_none_is_edited_or_made_by_hand(self, ada: Client, alias: CampaignAlias) -> None:
        assert ada.post(page_url(alias), {"platform": "x"}).status_code == 403
        assert ada.get(reverse("admin:ads_campaignalias_add")).status_code == 403

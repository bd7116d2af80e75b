"""Imports in the admin: given, looked at, recorded, undone; by whom; and what a hostile file does there: nothing."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from freezegun import freeze_time
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from ads.admin.history import describe_changes
from ads.admin.import_page import BAR, _proportions
from ads.models import (
    Brand,
    Campaign,
    ImportMode,
    ImportState,
    QuarantinedSpend,
    SpendImport,
    SpendLog,
    StatusChange,
)
from ads.rights import VIEWER, Right
from ads.rules.serving import Reason, Status
from ads.services import CampaignService, import_jobs
from ads.tests.admin.browser import act_url, errors, list_url, page_url, run, told
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON, brand_day, state
from ads.tests.people import take_role
from budget_system.celery import app

ADD = "admin:ads_spendimport_add"
HEADER = "Day,Campaign,Cost"
TODAY = "2026-03-10"
UNKNOWN = "Select a valid choice. That choice is not one of the available choices."
COLUMNS = {"date_column": "Day", "campaign_column": "Campaign", "amount_column": "Cost"}


def upload(client: Client, brand: Brand, *rows: str, name: str = "spend.csv", **said: Any) -> Any:
    """Sends the form of an import with a file of these rows."""
    file = SimpleUploadedFile(name, "\n".join((HEADER, *rows)).encode())
    form = {"upload": file, "brand": brand.pk, "mode": "snapshot", "file_format": "generic", **COLUMNS} | said
    return client.post(reverse(ADD), {field: value for field, value in form.items() if value is not None})


def work() -> None:
    """What a worker does with all that waits for one."""
    for pk in list(import_jobs.to_go_on_with(timezone.now()).values_list("pk", flat=True)):
        import_jobs.work_on(pk, now=timezone.now())


def last() -> SpendImport:
    return SpendImport.objects.latest("pk")


def checked(client: Client, brand: Brand, *rows: str, **said: Any) -> SpendImport:
    response = upload(client, brand, *rows, **said)
    assert response.status_code == 302, errors(response)
    work()
    return last()


def recorded(client: Client, brand: Brand, *rows: str, **said: Any) -> SpendImport:
    record = checked(client, brand, *rows, **said)
    client.post(act_url(record, "record"))
    work()
    return last()


def page(client: Client, record: SpendImport) -> str:
    response = client.get(page_url(record))
    assert response.status_code == 200
    return str(response.content.decode())


@pytest.fixture
def clerk(brand: Brand) -> Client:
    """A browser of somebody who records the spend of Acme and may add no campaigns."""
    user = User.objects.create_user("clerk", is_staff=True)
    brand.assigned_to.add(user)
    rights = [right.value for right in (Right.SEE, Right.RECORD_SPEND)]
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="ads", codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


class TestGiving:
    def test_a_file_is_kept_with_all_that_was_said_and_nothing_is_recorded(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        response = upload(
            ada,
            brand,
            f"{TODAY},Summer Sale,5.00",
            source="radio",
            create_campaigns="on",
            made_at_0="2026-03-10",
            made_at_1="09:30",
            date_order="dmy",
            decimal_mark=".",
            in_micros="on",
            line_column="Ad",
        )
        record = last()
        assert response.headers["Location"] == page_url(record)
        assert (record.state, record.file_name, record.created_by) == ("CHECKING", "spend.csv", "ada")
        assert (record.source, record.create_campaigns, record.mode) == ("radio", True, ImportMode.SNAPSHOT)
        assert record.as_of == datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
        options = import_jobs.options_of(record)
        assert (options.format, options.micros, options.date_order, options.decimal_mark) == (
            "generic",
            True,
            "dmy",
            ".",
        )
        assert options.columns == {"date": "Day", "amount": "Cost", "campaign": "Campaign", "line": "Ad"}
        assert not SpendLog.objects.exists()

    def test_the_moment_of_the_report_is_read_on_the_brands_clock(self, ada: Client) -> None:
        brand = BrandFactory.create(timezone="Asia/Tokyo")
        upload(ada, brand, made_at_0="2026-03-10", made_at_1="20:59")
        assert last().as_of == datetime(2026, 3, 10, 11, 59, tzinfo=UTC)
        response = upload(ada, brand, made_at_0="2026-03-10", made_at_1="21:01")
        assert errors(response) == {
            "made_at": [
                "2026-03-10 21:01 is still to come in Asia/Tokyo; every later report would count as older."
            ]
        }

    @pytest.mark.parametrize(
        ("said", "found"),
        [
            ({"upload": None}, {"upload": ["This field is required."]}),
            ({"campaign": "999999"}, {"campaign": [UNKNOWN]}),
            (
                {"amount_column": "", "date_column": ""},
                {
                    field: ["A table of your own needs this column’s name, as in its header."]
                    for field in ("date_column", "amount_column")
                },
            ),
            ({"source": " reversal "}, {"source": ["reversal is the source of reversals alone; name another."]}),
            ({"made_at_0": "2026-03-09"}, {"made_at": ["Give the time as well, such as 14:05."]}),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_told_on_its_field_and_nothing_is_kept(
        self, ada: Client, brand: Brand, said: dict[str, Any], found: dict[str, list[str]]
    ) -> None:
        assert errors(upload(ada, brand, **said)) == found
        assert not SpendImport.objects.exists()

    def test_a_campaign_of_another_brand_is_refused(
        self, ada: Client, brand: Brand, other_campaign: Campaign
    ) -> None:
        said = "Secret Launch is a campaign of Zenith; choose one of Acme, or leave it empty."
        assert errors(upload(ada, brand, campaign=other_campaign.pk)) == {"campaign": [said]}

    def test_a_file_that_is_too_large_is_refused_in_a_sentence(
        self, ada: Client, brand: Brand, settings: Settings
    ) -> None:
        settings.IMPORT_MAX_BYTES = 40
        assert upload(ada, brand).status_code == 302
        (message,) = errors(upload(ada, brand, f"{TODAY},Summer Sale,5.00"))["upload"]
        assert message.startswith(
            "spend.csv has 45\xa0bytes; at most 40\xa0bytes can be uploaded. Cut it into"
        )
        assert SpendImport.objects.count() == 1

    def test_a_worker_is_told_and_a_dead_broker_fails_nothing(
        self,
        ada: Client,
        brand: Brand,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(app.conf, "broker_write_url", "redis://127.0.0.1:1/0")
        monkeypatch.setattr(app, "_pool", None)
        monkeypatch.setattr(app.amqp, "_producer_pool", None)
        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            response = upload(ada, brand)
        assert len(callbacks) == 1
        assert response.status_code == 302
        assert "Connection refused" in caplog.text
        assert "Waits for a worker" in page(ada, last())

    def test_of_a_file_taken_again_what_was_said_stands_there(self, ada: Client, brand: Brand) -> None:
        first = checked(ada, brand, "03/04/2026,Summer Sale,5.00")
        assert first.state == ImportState.REFUSED
        assert "“Order in dates” under More says it" in page(ada, first) or "“Order in dates”" in page(
            ada, first
        )
        form = ada.get(reverse(ADD), {"like": first.pk}).context["adminform"].form
        assert (form.initial["brand"], form.initial["date_column"]) == (brand.pk, "Day")
        assert "Leave empty to check spend.csv again." in form.fields["upload"].help_text
        again = checked(ada, brand, upload=None, like=first.pk, date_order="mdy")
        assert (again.pk > first.pk, again.state, again.file_name) == (True, ImportState.CHECKED, "spend.csv")
        assert again.checksum == first.checksum

    def test_a_checked_file_is_given_up_for_the_next(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        first = checked(ada, brand, f"{TODAY},Summer Sale,5.00")
        second = checked(ada, brand, f"{TODAY},Summer Sale,6.00", like=first.pk)
        first.refresh_from_db()
        assert (first.state, second.state) == (ImportState.CANCELLED, ImportState.CHECKED)

    def test_a_source_that_was_found_is_not_taken_for_what_was_said(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        record = checked(ada, brand, f"{TODAY},Summer Sale,5.00")
        assert record.source == "generic"
        form = ada.get(reverse(ADD), {"like": record.pk}).context["adminform"].form
        assert form.initial["source"] == ""


class TestStates:
    def test_while_it_is_checked(self, ada: Client, brand: Brand) -> None:
        upload(ada, brand)
        shown = page(ada, last())
        assert "The file is being checked" in shown
        assert "Nothing is recorded before you say so." in shown
        assert reverse("admin:ads_spendimport_progress") in shown
        assert "Record " not in shown.partition('class="ab-import"')[2].replace("Recorded", "")

    def test_the_preview_says_what_the_file_holds_and_what_recording_does(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        other = CampaignFactory.create(brand=brand, name="Winter Sale")
        record = checked(
            ada,
            brand,
            f"{TODAY},Summer Sale,99.50",
            f"{TODAY},Winter Sale,20.25",
            "2026-03-01,Winter Sale,7.00",
            f"{TODAY},Gravel 2027,5.00",
            f"{TODAY},Gravel 2027,6.00",
            f"{TODAY},Summer Sale,n/a",
        )
        shown = page(ada, record)
        for sentence in (
            "Nothing is recorded yet",
            "3 of 6 rows can be recorded for Acme, 3 need you.",
            "Record 3 rows: $126.75.",
            '<b class="ab-name">2 campaigns pause.</b> Brand daily budget reached: Summer Sale, Winter Sale',
            '<b class="ab-name">$7.00 counts for days that are over (Sun 1 Mar 2026).</b>',
            "2 rows: campaign is not known",
            "campaign “Gravel 2027” is not known",
            "1 row: amount cannot be read",
            "column “Cost”: “n/a” is not an amount",
            "Correct the amount in the file, or enter it in the quarantine",
            "Sun 1 Mar 2026",
            "recognised" if not record.options["format"] else "Generic export",
        ):
            assert sentence in shown, sentence
        assert not SpendLog.objects.exists()
        assert not QuarantinedSpend.objects.exists()
        assert [state(each) for each in (campaign, other)] == [(Status.ACTIVE, ())] * 2

    def test_recorded_with_links_to_its_rows_and_to_the_import_from_each(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        record = recorded(ada, brand, f"{TODAY},Summer Sale,120.00", f"{TODAY},Gravel,5.00")
        assert (record.state, record.accepted, record.quarantined, record.booked) == (
            "DONE",
            1,
            1,
            Decimal(120),
        )
        shown = page(ada, record)
        assert "1 row is recorded" in shown
        assert "$120.00 booked for Acme, 1 went to the quarantine." in shown
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        assert set(StatusChange.objects.values_list("by", flat=True)) == {"ada"}
        log = SpendLog.objects.get()
        CampaignFactory.create(brand=brand)
        assert f"import={record.pk}" in shown
        rows = ada.get(list_url(SpendLog), {"import": record.pk}).context["cl"].result_list
        assert [row.pk for row in rows] == [log.pk]
        for unknown in (str(record.pk + 1), "x"):
            assert list(ada.get(list_url(SpendLog), {"import": unknown}).context["cl"].result_list) == []
        assert f'href="{page_url(record)}">spend.csv</a>' in ada.get(page_url(log)).content.decode()
        waiting = ada.get(list_url(QuarantinedSpend), {"import": str(record.pk), "state": "all"})
        assert len(waiting.context["cl"].result_list) == 1

    def test_events_lead_to_their_import_too(self, ada: Client, brand: Brand, campaign: Campaign) -> None:
        file = SimpleUploadedFile("e.csv", f"{HEADER},Id\n{TODAY},Summer Sale,5,a\n".encode())
        record = recorded(ada, brand, upload=file, mode="events", id_column="Id")
        assert (
            f'href="{page_url(record)}">e.csv</a>'
            in ada.get(page_url(SpendLog.objects.get())).content.decode()
        )

    def test_a_double_click_records_once_and_says_so(
        self,
        ada: Client,
        brand: Brand,
        campaign: Campaign,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        record = checked(ada, brand, f"{TODAY},Summer Sale,5.00")
        with django_capture_on_commit_callbacks() as callbacks:
            assert told(ada.post(act_url(record, "record"))) == []
            assert told(ada.post(act_url(record, "record"))) == ["Not again: spend.csv is being recorded."]
        assert len(callbacks) == 1
        assert "Recording, in the background" in page(ada, record)
        work()
        assert told(ada.post(act_url(record, "record"))) == ["Not again: spend.csv is recorded."]
        work()
        assert SpendLog.objects.get().amount == 5

    def test_refused_in_a_sentence_of_the_forms_words(self, ada: Client, brand: Brand) -> None:
        columns = dict.fromkeys(COLUMNS, "")
        file = SimpleUploadedFile("own.csv", f"When,What,Much\n{TODAY},Summer Sale,5.00\n".encode())
        record = checked(ada, brand, upload=file, file_format="", **columns)
        shown = page(ada, record)
        assert "This file cannot be taken" in shown
        assert "is no export that is known: its columns are “When”, “What”, “Much”." in shown
        assert "Name them with “Column of the date” under More" in shown
        assert "--" not in shown.partition("no export")[2].partition("</p>")[0]
        assert f"?like={record.pk}" in shown

    def test_cancelled_for_good(self, ada: Client, brand: Brand, campaign: Campaign) -> None:
        record = checked(ada, brand, f"{TODAY},Summer Sale,5.00")
        ada.post(act_url(record, "cancel"))
        assert "Cancelled: nothing was recorded" in page(ada, record)
        assert told(ada.post(act_url(record, "record"))) == ["Not again: spend.csv is cancelled."]
        assert told(ada.post(act_url(record, "cancel"))) == ["Too late: spend.csv is cancelled."]
        work()
        assert not SpendLog.objects.exists()

    def test_the_same_file_is_named_where_it_was_imported_before(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        early = checked(ada, brand, f"{TODAY},Summer Sale,5.00")
        with freeze_time(NOON + timedelta(minutes=1)):
            first = recorded(ada, brand, f"{TODAY},Summer Sale,5.00")
            again = checked(ada, brand, f"{TODAY},Summer Sale,5.00", name="copy.csv")
        shown = page(ada, again)
        assert f'before: <a class="ab-link" href="{page_url(first)}">spend.csv</a>' in shown
        assert "Record 0 rows: $0.00." in shown
        assert "1 is already recorded" in shown
        assert "after this check" not in shown
        assert "after this check, so less will be recorded than it says here" in page(ada, early)
        ada.post(act_url(again, "record"))
        work()
        assert "Nothing new was recorded" in page(ada, again)
        assert SpendLog.objects.count() == 1

    @pytest.mark.parametrize(
        ("day", "months"), [("2026-03-01", "Mar 2026"), ("2021-05-04", "May 2021 to Mar 2026")]
    )
    def test_days_that_are_over_name_the_months_that_count_them(
        self, ada: Client, brand: Brand, campaign: Campaign, day: str, months: str
    ) -> None:
        rows = ("2026-03-02,Summer Sale,1.00", f"{day},Summer Sale,2.00")
        assert (
            f"It counts for {months} and for whole flights. A day or month that is over pauses nobody; "
            "Mar 2026 is not over."
        ) in page(ada, checked(ada, brand, *rows))

    def test_a_month_that_is_over_is_not_called_this_one(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        shown = page(ada, checked(ada, brand, "2021-05-04,Summer Sale,2.00"))
        assert (
            "It counts for May 2021 and for whole flights. A day or month that is over pauses nobody."
            in shown
        )

    def test_a_currency_that_the_file_does_not_name_is_said_to_be_assumed(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        assert "The file names no currency: taken as USD, the brand&#x27;s." in page(
            ada, checked(ada, brand, f"{TODAY},Summer Sale,5.00")
        )
        rows = f"{HEADER},Coin\n{TODAY},Summer Sale,5.00,USD\n2026-03-09,Summer Sale,5.00,"
        for text, told_it in ((rows, "1 row names no currency: taken as USD"), (f"{rows}USD", "")):
            file = SimpleUploadedFile("c.csv", text.encode())
            shown = page(ada, checked(ada, brand, upload=file, currency_column="Coin"))
            assert told_it in shown
            assert bool(told_it) == ("no currency" in shown)

    def test_campaigns_that_are_missing_are_created_after_another_look(
        self, ada: Client, brand: Brand
    ) -> None:
        record = checked(
            ada, brand, f"{TODAY},Gravel,5.00", "2026-03-09,Gravel,6.00", f"{TODAY},Road,7.00", "x,Road,1"
        )
        shown = page(ada, record)
        assert ">Create these 2 campaigns and record 3 rows</button>" in shown
        assert ">Put 4 rows into quarantine</button>" in shown
        assert "Record 0 rows" not in shown

        ada.post(act_url(record, "create"))
        work()
        record.refresh_from_db()
        assert (record.state, record.create_campaigns) == ("CHECKED", True)
        assert not Campaign.objects.exists()
        shown = page(ada, record)
        assert "3 of 4 rows can be recorded for Acme, 1 needs you." in shown
        assert ">Record 3 rows</button>" in shown
        assert "Create these" not in shown

        ada.post(act_url(record, "record"))
        work()
        assert told(ada.post(act_url(record, "create"))) == ["Too late: spend.csv is recorded."]
        assert sorted(brand.campaigns.values_list("name", flat=True)) == ["Gravel", "Road"]
        assert brand_day(brand, NOON.date()) == 12

    def test_who_may_not_add_campaigns_is_not_offered_to_create_them(
        self, ada: Client, brand: Brand, clerk: Client
    ) -> None:
        record = checked(ada, brand, f"{TODAY},Gravel,5.00")
        shown = page(clerk, record)
        assert ">Put 1 row into quarantine</button>" in shown
        assert "Create this" not in shown
        assert clerk.post(act_url(record, "create")).status_code == 403
        record.refresh_from_db()
        assert (record.state, record.create_campaigns) == ("CHECKED", False)
        upload(clerk, brand, f"{TODAY},Gravel,5.00", create_campaigns="on")
        assert (last().created_by, last().create_campaigns) == ("clerk", False)

    def test_the_history_of_a_campaign_names_who_imported_it(self, ada: Client, brand: Brand) -> None:
        record = recorded(ada, brand, f"{TODAY},Gravel,5.00", create_campaigns="on")
        (entry,) = describe_changes(Campaign.objects.get())
        assert (entry.by, entry.what) == ("ada", f"Created by import {record.pk}")

    def test_a_file_too_large_to_try_says_that_it_cannot_tell(
        self, ada: Client, brand: Brand, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ads.services.imports.MOST_AT_ONCE", 1)
        record = checked(ada, brand, f"{TODAY},Summer Sale,500.00", "2026-03-09,Summer Sale,1.00")
        shown = page(ada, record)
        assert "Which campaigns pause or resume cannot be told beforehand." in shown
        assert "No campaign changes its status." not in shown


class TestUndoing:
    def test_what_it_does_is_said_before_and_changes_nothing_until_then(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        record = recorded(ada, brand, f"{TODAY},Summer Sale,120.00", f"{TODAY},Gravel,5.00")
        shown = ada.get(act_url(record, "undo")).content.decode()
        assert "1 row of the ledger is reversed, $120.00 of Acme in all." in shown
        assert "1 row in the quarantine is put aside." in shown
        assert "1 campaign resumes." in shown
        assert state(campaign)[0] == Status.PAUSED
        assert SpendLog.objects.count() == 1
        assert last().state == ImportState.DONE

        ada.post(act_url(record, "undo"))
        assert "This import is being undone" in page(ada, record)
        work()
        shown = page(ada, record)
        assert "This import is undone" in shown
        assert "12:00 today" in shown
        assert brand_day(brand, NOON.date()) == 0
        assert state(campaign) == (Status.ACTIVE, ())
        assert told(ada.post(act_url(record, "undo"))) == ["Not undone: spend.csv was undone before."]
        work()
        assert SpendLog.objects.count() == 2

    def test_campaigns_that_it_created_are_led_to(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        rows = (f"{TODAY},Gravel,5.00", f"{TODAY},Road,0.00", f"{TODAY},Summer Sale,1.00")
        record = recorded(ada, brand, *rows, create_campaigns="on")
        created = f"{list_url(Campaign)}?import={record.pk}"
        assert f'2 campaigns created, switched on. <a class="ab-link" href="{created}">' in page(ada, record)
        listed = ada.get(created).context["cl"].result_list
        assert sorted(each.name for each in listed) == ["Gravel", "Road"]
        shown = ada.get(act_url(record, "undo")).content.decode()
        assert "2 rows of the ledger are reversed, $6.00 of Acme in all." in shown
        assert "The file had 3 rows recorded: one of 0.00, or one that changed nothing, has no row" in shown
        assert "The 2 campaigns it created stay, 2 switched on." in shown
        assert created in shown

        ada.post(act_url(record, "undo"))
        work()
        CampaignService.switch_off(Campaign.objects.get(name="Road"))
        shown = page(ada, record)
        assert "The 2 campaigns that it created are still there, 1 of them switched on." in shown
        assert f'<a class="ab-link" href="{created}">Switch them off or archive them</a>' in shown
        for each in listed:
            CampaignService.archive(each)
        assert "that it created" not in page(ada, record)

    def test_it_is_refused_with_the_import_that_came_later(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        first = recorded(ada, brand, f"{TODAY},Summer Sale,20.00")
        with freeze_time(NOON + timedelta(minutes=1)):
            later = recorded(ada, brand, f"{TODAY},Summer Sale,30.00", name="later.csv")
            shown = ada.get(act_url(first, "undo")).content.decode()
            assert "“spend.csv” cannot be undone now" in shown
            assert f'href="{page_url(later)}">later.csv</a>' in shown
            (message,) = told(ada.post(act_url(first, "undo")))
        assert message.startswith("Not undone: “later.csv” of 2026-03-10 12:01 UTC")
        work()
        assert brand_day(brand, NOON.date()) == 30

    def test_of_very_many_rows_it_says_the_numbers_alone(
        self, ada: Client, brand: Brand, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record = recorded(ada, brand, f"{TODAY},Summer Sale,120.00")
        monkeypatch.setattr("ads.services.undo.MOST_REHEARSED", 0)
        shown = ada.get(act_url(record, "undo")).content.decode()
        assert "1 row of the ledger is reversed, $120.00 of Acme in all." in shown
        assert "There are too many rows to say beforehand which." in shown


class TestRights:
    def test_others_imports_are_as_if_they_did_not_exist(
        self, ada: Client, nina: Client, other_brand: Brand, other_campaign: Campaign
    ) -> None:
        record = checked(ada, other_brand, f"{TODAY},Secret Launch,5.00")
        progress = reverse("admin:ads_spendimport_progress")
        csv_url = reverse("admin:ads_spendimport_uncounted", args=(record.pk,))
        assert list(nina.get(list_url(SpendImport)).context["cl"].result_list) == []
        assert nina.get(page_url(record)).status_code == 404
        assert nina.get(csv_url).status_code == 404
        assert nina.get(progress, {"id": record.pk}).json() == {}
        assert list(ada.get(progress, {"id": [str(record.pk), "x", "9" * 30]}).json()) == [str(record.pk)]
        for act in ("record", "cancel", "undo"):
            assert nina.post(act_url(record, act)).status_code == 404
        form = nina.get(reverse(ADD), {"like": record.pk}).context["adminform"].form
        assert "brand" not in form.initial
        assert list(errors(upload(nina, other_brand, upload=None, like=record.pk))) == ["brand", "upload"]
        record.refresh_from_db()
        assert record.state == ImportState.CHECKED

    def test_a_file_for_anothers_brand_or_campaign_is_refused(
        self, nina: Client, brand: Brand, other_brand: Brand, other_campaign: Campaign
    ) -> None:
        assert list(errors(upload(nina, other_brand))) == ["brand"]
        assert list(errors(upload(nina, brand, campaign=other_campaign.pk))) == ["campaign"]
        assert not SpendImport.objects.exists()

    def test_who_may_only_look_neither_gives_nor_records(
        self, ada: Client, nina: Client, manager: User, brand: Brand, campaign: Campaign
    ) -> None:
        record = checked(ada, brand, f"{TODAY},Summer Sale,5.00")
        take_role(manager, VIEWER)
        assert nina.get(reverse(ADD)).status_code == 403
        assert nina.post(act_url(record, "record")).status_code == 403
        assert nina.post(act_url(record, "cancel")).status_code == 403
        assert ">Record 1 row<" not in page(nina, record)

    def test_who_may_only_look_does_not_undo(
        self, ada: Client, nina: Client, manager: User, brand: Brand, campaign: Campaign
    ) -> None:
        record = recorded(ada, brand, f"{TODAY},Summer Sale,5.00")
        assert "Undo this import" in page(nina, record)
        take_role(manager, VIEWER)
        assert "Undo this import" not in page(nina, record)
        assert nina.get(act_url(record, "undo")).status_code == 403
        assert nina.post(act_url(record, "undo")).status_code == 403
        assert last().state == ImportState.DONE

    def test_nothing_is_edited_or_deleted(self, ada: Client, brand: Brand, campaign: Campaign) -> None:
        record = checked(ada, brand, f"{TODAY},Summer Sale,5.00")
        assert ada.post(page_url(record), {"file_name": "forged"}).status_code == 403
        assert ada.post(page_url(record, "delete"), {"post": "yes"}).status_code == 403
        run(ada, "delete_selected", [record], post="yes")
        run(ada, "record", [record])
        assert (last().file_name, last().state) == ("spend.csv", ImportState.CHECKED)

    def test_a_brand_with_an_import_or_quarantined_spend_is_not_deleted(
        self, ada: Client, brand: Brand
    ) -> None:
        record = recorded(ada, brand, f"{TODAY},Gravel,5.00")
        shown = ada.get(page_url(brand, "delete")).content.decode()
        assert "Acme has imports" in shown
        assert "Acme has quarantined spend" in shown
        ada.post(page_url(brand, "delete"), {"post": "yes"})
        assert Brand.objects.get() == record.brand


class TestShowing:
    def test_the_list_tells_states_and_rows_and_filters(
        self, ada: Client, brand: Brand, campaign: Campaign, other_brand: Brand
    ) -> None:
        empty = ada.get(list_url(SpendImport)).content.decode()
        assert "Import what a platform’s export says was spent" in empty
        done = recorded(ada, brand, f"{TODAY},Summer Sale,5.00", f"{TODAY},Gravel,5.00")
        refused = checked(ada, other_brand, name="bad.csv", amount_column="Nothing")
        upload(ada, brand, name="waiting.csv")
        shown = ada.get(list_url(SpendImport)).content.decode()
        for words in ("2 rows", "1 recorded", "1 quarantined", "$5.00", "Waits for a worker", "Refused"):
            assert words in shown, words

        def found(**query: str) -> list[SpendImport]:
            return list(ada.get(list_url(SpendImport), query).context["cl"].result_list)

        assert found(state="DONE") == [done]
        assert found(brand__id__exact=str(other_brand.pk)) == [refused]
        assert found(q="waiting") == [last()]

    def test_lists_and_pages_cost_the_same_whatever_they_hold(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        def queries() -> list[int]:
            counts = []
            for url in (list_url(SpendImport), page_url(last()), list_url(QuarantinedSpend)):
                with CaptureQueriesContext(connection) as captured:
                    assert ada.get(url).status_code == 200
                counts.append(len(captured))
            return counts

        rows = [f"2026-03-{day:02},Summer Sale,{day}.00" for day in range(1, 11)]
        recorded(ada, brand, *rows[:2], f"{TODAY},Gravel,5.00")
        queries()
        with_few = queries()
        for number in range(12):
            recorded(ada, brand, *rows, *(f"2026-03-{day:02},Gravel {number},5.00" for day in range(1, 5)))
        assert queries() == with_few
        assert max(with_few) <= 10

    def test_the_progress_of_one_at_work_is_told(self, ada: Client, brand: Brand) -> None:
        upload(ada, brand)
        url = reverse("admin:ads_spendimport_progress")
        waiting = {"state": "CHECKING", "words": "Waits for a worker", "percent": None}
        assert ada.get(url, {"id": last().pk}).json() == {str(last().pk): waiting}
        SpendImport.objects.update(held_until=NOON + timedelta(seconds=90), stage="Reading", percent=40)
        assert ada.get(url, {"id": last().pk}).json() == {
            str(last().pk): {"state": "CHECKING", "words": "Reading", "percent": 40}
        }

    def test_what_a_file_says_is_shown_and_never_run(self, ada: Client, brand: Brand) -> None:
        evil = "<script>alert(1)</script>"
        record = recorded(
            ada,
            brand,
            f"{TODAY},{evil},5.00",
            f"{evil},Summer,1",
            f"{TODAY},Summer,{evil}",
            name=f"{evil}.csv".replace("/", ""),
            create_campaigns="on",
            source="<i>src</i>",
        )
        again = checked(ada, brand, f"{TODAY},<b>New</b>,5.00", f"{evil},Summer,1", name="<b>x.csv")
        refused = checked(ada, brand, amount_column=evil, name="<u>y.csv")
        assert refused.state == ImportState.REFUSED
        pages = [list_url(SpendImport), *(page_url(each) for each in (record, again, refused))]
        pages += [act_url(record, "undo"), list_url(QuarantinedSpend), f"{reverse(ADD)}?like={refused.pk}"]
        for url in pages:
            shown = ada.get(url).content.decode()
            for forbidden in ("<script>alert", "<i>src", "<b>New", "<b>x", "<u>y"):
                assert forbidden not in shown, (url, forbidden)
        assert "<u>y" not in ada.post(act_url(refused, "record"), follow=True).content.decode()

    def test_no_cell_of_the_csv_is_a_formula(self, ada: Client, brand: Brand, campaign: Campaign) -> None:
        formulas = ('"=HYPERLINK(""http://x"")"', "+1+1", "@SUM(A1)", "-2+3")
        record = checked(
            ada, brand, *(f"{TODAY},{text},-5.00" for text in formulas), f"{TODAY},Summer Sale,=1+1"
        )

        def cells() -> list[list[str]]:
            response: Any = ada.get(reverse("admin:ads_spendimport_uncounted", args=(record.pk,)))
            assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
            assert f'filename="import-{record.pk}-not-counted.csv"' in response.headers["Content-Disposition"]
            return list(csv.reader(StringIO(response.getvalue().decode("utf-8-sig"))))

        planned = cells()
        assert planned[0][:4] == ["Row", "Rows", "Problem", "What is wrong"]
        assert len(planned) == 6
        ada.post(act_url(record, "record"))
        work()
        kept = cells()
        assert len(kept) == 6
        assert {row[5] for row in kept[1:]} >= {"'+1+1", "'@SUM(A1)", "'-2+3"}
        assert {row[7] for row in kept[1:]} >= {"-5.000000"} or {"-5", "-5.00"} & {row[7] for row in kept[1:]}
        for row in planned + kept:
            for index, cell in enumerate(row):
                assert index == 7 or not cell.startswith(("=", "+", "-", "@", "\t", "\r")), row


class TestProportions:
    @pytest.mark.parametrize(
        "counts", [[1268, 24, 8, 4], [1, 0, 0, 0], [0, 0, 0, 0], [10**9, 1, 1, 1], [1, 1, 1, 1]]
    )
    def test_every_part_that_is_there_is_seen_and_all_fit(self, counts: list[int]) -> None:
        drawn = _proportions(counts)
        assert all((width > 0) == (count > 0) for (_, width), count in zip(drawn, counts, strict=True))
        assert all(width >= 8 for _, width in drawn if width)
        if any(counts):
            assert max(x + width for x, width in drawn if width) == BAR

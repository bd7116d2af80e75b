"""A second factor and the lock-out, as people see and use them."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import Page, expect

from ads.tests.browser.axe import violations
from ads.tests.browser.conftest import PASSWORD

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.once]

LOOK_AT = os.environ.get("SCREENSHOTS", "")


def code(user: User) -> str:
    """What the app on this person's phone shows."""
    totp = TOTP(TOTPDevice.objects.get(user=user).bin_key)
    totp.time = timezone.now().timestamp()
    return f"{totp.token():06}"


def looks_well(page: Page, name: str) -> None:
    """In both themes and on a phone: open to everybody, nothing wider than the window."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            if LOOK_AT:
                page.screenshot(path=Path(LOOK_AT) / f"{name}-{scheme}-{width}.png", full_page=True)
        assert violations(page) == [], (name, scheme)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1440, "height": 900})


def give_password(page: Page, site: str, password: str = PASSWORD) -> None:
    page.goto(f"{site}/sign-in/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_it_is_switched_on_asked_for_and_switched_off(
    page: Page, site: str, ada: User, sign_in: Callable[[User], None]
) -> None:
    sign_in(ada)
    page.locator(".who-am-i summary").click()
    page.get_by_role("link", name="Two-factor").click()
    looks_well(page, "two-factor-off")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("img", name="A QR code of the secret below")).to_be_visible()
    page.get_by_label("The six digits that it shows").fill("000000")
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("alert")).to_contain_text("This code is not right")
    looks_well(page, "two-factor-scan")
    TOTPDevice.objects.update(throttling_failure_count=0)
    page.get_by_label("The six digits that it shows").fill(code(ada))
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    looks_well(page, "two-factor-codes")
    recovery = page.locator(".recovery-codes code").all_inner_texts()
    assert len(recovery) == 10
    page.get_by_role("link", name="I have kept them").click()
    page.wait_for_url(f"{site}/")
    page.locator(".who-am-i summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{site}/sign-in/")

    give_password(page, site)
    page.wait_for_url(f"{site}/sign-in/code/")
    page.get_by_label("Code").fill("111111")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("This code is not right, or was used already.")
    looks_well(page, "two-factor-sign-in")
    page.get_by_label("Code").fill(recovery[0])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site}/")

    page.goto(f"{site}/two-factor/")
    expect(page.get_by_text("9 of them are left")).to_be_visible()
    looks_well(page, "two-factor-on")
    page.locator("#password-off").fill(PASSWORD)
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_text("Two-factor is off. Your password alone lets you in.")).to_be_visible()


def test_who_is_locked_out_is_told_for_how_long(
    page: Page, site: str, ada: User, complaints: list[str]
) -> None:
    for _ in range(5):
        give_password(page, site, "wrong")
    expect(page.get_by_role("heading", name="Too many sign-ins failed")).to_be_visible()
    expect(
        page.get_by_text(re.compile("For the next 15 minutes nobody can sign in as “ada”"))
    ).to_be_visible()
    looks_well(page, "locked-out")
    assert len(complaints) == 1
    assert "status of 429" in complaints.pop()

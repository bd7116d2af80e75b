"""The shell of the README: what it says first is no list of things that failed."""

import pytest

from ads.management.commands.shell import Command
from ads.models import Brand, SpendLog


@pytest.mark.once
def test_models_are_at_hand_and_nothing_is_said_to_be_missing(capsys: pytest.CaptureFixture[str]) -> None:
    names = Command().get_namespace(verbosity=1)
    said = capsys.readouterr().out
    assert (names["Brand"], names["SpendLog"]) == (Brand, SpendLog)
    assert "objects imported automatically" in said
    assert "could not be" not in said

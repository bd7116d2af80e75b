"""Files of others are served as they were published."""

from hashlib import sha256
from pathlib import Path

import pytest

import ads

pytestmark = pytest.mark.unit

ROOT = Path(ads.__file__).parent
CHECKSUMS = {
    "static/vendor/chart.umd.min.js": "c17f2ce49fb9c71ef7fb39c03f868804ac5ab34730149976eebe6b7f807bef0c",
    "static/vendor/idiomorph-ext.min.js": "5811b9a7eda14878b7dab4378bf60432e1bb6f11fcfb970cc26540642650181e",
    "tests/browser/vendor/axe.min.js": "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
}


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_file_of_others_is_what_was_published(name: str) -> None:
    assert sha256((ROOT / name).read_bytes()).hexdigest() == CHECKSUMS[name]


def test_every_file_of_others_has_its_checksum() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("static/vendor", "tests/browser/vendor")
        for path in (ROOT / folder).glob("*.js")
    }
    assert found == set(CHECKSUMS)


def test_no_file_names_another_that_is_not_served() -> None:
    """Else collectstatic, which gives files hashed names, would fail."""
    for path in ROOT.glob("static/**/*.js"):
        assert "sourceMappingURL" not in path.read_text()

from pathlib import Path

import pytest

from ads.tests.importers.files import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)

"""How often a process looks for garbage in cycles; what is in none is freed at once, as ever."""

import gc

ALLOCATED_BEFORE = 50_000


def collect_seldom() -> None:
    """Leaves what is loaded out of every search, and searches less often; called once everything is loaded.

    By default a page that reads some thousands of rows is interrupted some fifty times, for a fifth of its time,
    and an import for a third.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATED_BEFORE, *gc.get_threshold()[1:])

"""Keeps the sample agency spending, so that somebody who watches sees campaigns pause and resume."""

import logging
import signal
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection
from django.utils import timezone

from ads.management.arguments import at_least_one
from ads.sample_data.simulation import Simulation, has_players
from ads.services.records import Result

logger = logging.getLogger("ads.simulation")


class Command(BaseCommand):
    help = "Keeps writing believable spend for the sample agency until it is stopped (Ctrl-C or SIGTERM)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--interval", type=at_least_one, default=3, help="seconds from step to step (default: 3)"
        )
        parser.add_argument("--rate", type=at_least_one, default=2, help="records in each step (default: 2)")
        amount = parser.add_mutually_exclusive_group()
        amount.add_argument("--once", action="store_true", help="one step only")
        amount.add_argument("--events", type=at_least_one, help="stop after so many records")

    def handle(self, *args: Any, **options: Any) -> None:
        interval = timedelta(seconds=options["interval"])
        simulation = Simulation(Random(), interval, options["rate"])  # noqa: S311 - chance, not a secret
        if not has_players():
            raise CommandError("None of the sample campaigns is there; run create_sample_data first.")
        with _stopped_by_signals() as stopped:
            written = _run(simulation, stopped, once=options["once"], events=options["events"])
        self.stdout.write(f"{written} records written.")


def _run(simulation: Simulation, stopped: Event, *, once: bool, events: int | None) -> int:
    """Steps until it is stopped or has done what was asked for; returns how many records it wrote."""
    written = 0
    while not stopped.is_set():
        written += _step(simulation, None if events is None else events - written)
        if once or written == events:
            break
        stopped.wait(simulation.interval.total_seconds())
    return written


def _step(simulation: Simulation, at_most: int | None) -> int:
    """One step; a database that is busy or away is reported and tried again with the next one."""
    try:
        answers = simulation.step(timezone.now(), at_most=at_most)
    except Error as error:
        logger.warning("Nothing written: %s", str(error).strip())
        connection.close()
        return 0
    for answer in answers:
        if answer.result != Result.ACCEPTED:
            logger.warning("Not counted: %s: %s", answer.field, answer.message)
    return len(answers)


@contextmanager
def _stopped_by_signals() -> Iterator[Event]:
    """An event that Ctrl-C and SIGTERM set, so that a step under way is finished."""
    stopped = Event()
    before = {
        number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

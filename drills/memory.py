"""What memory a worker and its processes use while they do one task after another."""

import os
import subprocess
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import redis

from drills.figures import Figure, at_least, at_most, told
from drills.stage import Stage

TASKS = cycle(("heartbeat", "enforce_dayparting", "deliver_effects", "forget_answered_requests"))
SECONDS = 3_600  # after which no more tasks are sent
WAITING = 200  # tasks, so that the worker never has none


def memory_stays(stage: Stage, worker: subprocess.Popen[bytes], *, tasks: int) -> Iterator[Figure]:
    """So many tasks, of which the last third needs no more than the first."""
    used: list[tuple[int, int]] = []
    sent, deadline = 0, time.monotonic() + SECONDS
    with redis.Redis.from_url(stage.broker.url) as broker:
        while (not used or used[-1][0] < tasks) and time.monotonic() < deadline:
            waiting = int(broker.llen("celery"))
            used.append((sent - waiting, kilobytes(worker.pid)))
            for _ in range(min(WAITING - waiting, tasks - sent)):
                stage.processes.send(f"ads.tasks.{next(TASKS)}")
                sent += 1
            time.sleep(0.1)
    done = used[-1][0]
    plateau = max(each for count, each in used if count <= done // 3)
    last = max(each for count, each in used if count >= done * 2 // 3)
    yield at_least("tasks done", done, tasks)
    yield told("memory over the first third of them", plateau // 1_000, "MB")
    yield at_most("the last third's, in per cent of that", last * 100 // plateau, 120)


def kilobytes(session: int) -> int:
    """Of all processes of a session, what they share counted once; one that has just ended has none."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(process.name)) == session:
                lines = (process / "smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (ProcessLookupError, FileNotFoundError):
            continue
    return total

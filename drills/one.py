"""`python -m drills.one NAME drill|control SEED QUICK FILE`: one act of one drill, its figures written to a file."""

import json
import signal
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from drills.figures import Figure, NotRun
from drills.scripts import scripts
from drills.stage import stage

NOT_RUN = 77  # as automake's tests say it


def main() -> None:
    """Set the stage that the drill asks for and note each figure as it comes."""
    name, act, seed, is_quick, file = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    (script,) = (each for each in scripts() if each.name == name)
    with (
        Path(file).open("w") as told,
        stage(script.engine, int(seed), is_quick=is_quick == "1") as its_stage,
    ):
        try:
            for figure in getattr(import_module(f"drills.{name}"), act)(its_stage):
                told.write(json.dumps(asdict(figure)) + "\n")
                told.flush()
        except NotRun as why:
            print(f"   not run: {why}", flush=True)
            sys.exit(NOT_RUN)


def figures_in(file: Path) -> list[Figure]:
    """What was noted there."""
    return [Figure(**json.loads(line)) for line in file.read_text().splitlines()]


if __name__ == "__main__":
    main()

"""`./drills/run [--quick] [--seed N] [--list] [DRILL...]`: runs all drills or those named, and tells their figures."""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import drills
from drills.one import NOT_RUN, figures_in
from drills.scripts import Script, scripts

SEED = 20_261_120
WORDS = {True: "holds", False: "DOES NOT HOLD", None: "not run"}


def main() -> int:
    """Run them one after another, each in a process of its own; 1 if one did not hold, or none was run."""
    parser = argparse.ArgumentParser(prog="./drills/run", description=drills.__doc__)
    parser.add_argument(
        "drills", nargs="*", metavar="DRILL", help="a number or a part of a name; all if none is given"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: minutes for all of them")
    parser.add_argument(
        "--seed", type=int, default=SEED, help="what chance follows; %(default)s if none is given"
    )
    parser.add_argument("--list", action="store_true", help="name the drills and do nothing")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    chosen = _chosen(options.drills) or parser.error(f"no drill is called {' or '.join(options.drills)}")
    if options.list:
        for script in chosen:
            print(f"{script.title:28} {script.what}")
        return 0
    held = {script.title: _holds(script, options.seed, is_quick=options.quick) for script in chosen}
    print()
    for title, holds in held.items():
        print(f"{title:28} {WORDS[holds]}")
    return 0 if True in held.values() and False not in held.values() else 1


def _chosen(asked: Sequence[str]) -> list[Script]:
    return [script for script in scripts() if not asked or any(script.is_meant(word) for word in asked)]


def _holds(script: Script, seed: int, *, is_quick: bool) -> bool | None:
    """Whether all figures of the drill hold, and not all of its control's where it has one; None: not run."""
    print(f"\n{script.title}: {script.what}", flush=True)
    held = _act(script, "drill", seed, is_quick=is_quick)
    if script.has_control and held is not None:
        print("   without the guard, which must not hold:", flush=True)
        held &= _act(script, "control", seed, is_quick=is_quick) is False
    return held


def _act(script: Script, act: str, seed: int, *, is_quick: bool) -> bool | None:
    """Whether all figures of one of a script's two functions held; None: it was not run, or not to its end."""
    began = time.monotonic()
    with tempfile.NamedTemporaryFile("r", suffix=".json") as told:
        code = _run("drills.one", script.name, act, str(seed), str(int(is_quick)), told.name)
        figures = figures_in(Path(told.name))
    for figure in figures:
        print(f"   {'ok  ' if figure.holds else 'FAIL'} {figure.name:48} {figure.measured:>20}  {figure.bar}")
    if code == NOT_RUN:
        return None
    how = "" if code == 0 else f", ended with exit code {code}"
    print(f"        {time.monotonic() - began:.0f} s{how}", flush=True)
    if act == "control" and code:
        return None
    return code == 0 and bool(figures) and all(figure.holds for figure in figures)


def _run(module: str, *arguments: str) -> int:
    """In a process of its own, which clears its stage also when this one is told to stop; its exit code."""
    process = subprocess.Popen([sys.executable, "-m", module, *arguments])
    try:
        return process.wait()
    except KeyboardInterrupt:  # the terminal has told both
        process.wait()
        raise
    except SystemExit:
        process.terminate()
        process.wait()
        raise


if __name__ == "__main__":
    sys.exit(main())

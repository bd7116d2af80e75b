"""Drills: real processes are killed, starved and misled, and what the system promises is counted afterwards.

Each module `d<number>_<name>` is one drill: its first docstring line says what happens, `drill(stage)` does it and
yields figures that must all hold. Where a guard can be taken out, `control(stage)` does the same without it and at
least one of its figures must fail, or the drill has shown nothing.
"""

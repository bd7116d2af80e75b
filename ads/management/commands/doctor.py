"""Looks at the whole installation and says in words what to do."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ads.services import doctor
from ads.services.health import Finding, Level


class Command(BaseCommand):
    help = (
        "Checks the whole installation and says what to do where something is not right. Ends with exit code 1 "
        "where something fails; what is only to be considered (WARN) does not."
    )
    requires_system_checks = ()  # it also looks at what they would stop at

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = doctor.examine(timezone.now())
        failed = sum(finding.level == Level.FAIL for finding in findings)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2))
        else:
            self._tell(findings)
        if failed:
            raise CommandError(f"Checks that failed: {failed} of {len(findings)}.")

    def _tell(self, findings: list[Finding]) -> None:
        width = max(len(finding.name) for finding in findings)
        styles = {Level.OK: self.style.SUCCESS, Level.WARN: self.style.WARNING, Level.FAIL: self.style.ERROR}
        for finding in findings:
            level = styles[finding.level](f"{finding.level:<4}")
            self.stdout.write(f"{level}  {finding.name:<{width}}  {finding.said}")
            if finding.todo:
                self.stdout.write(f"{'':<{width + 8}}-> {finding.todo}")
        if doctor.worst(findings) == Level.OK:
            self.stdout.write("All is well.")

"""Looks for secrets in every line that any commit has ever added: `python scripts/history_secrets.py`.

Tells commit, file and kind, never the secret itself, and ends with 1 where it found any. What tests and examples
make up is told apart by the words in MADE_UP; a line that holds one is left out.
"""

import re
import subprocess
import sys

KINDS = {
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "API token of this project": r"\babt_[0-9a-f]{8}_[A-Za-z0-9_-]{43}\b",
    "secret of a webhook": r"\bwhsec_[A-Za-z0-9+/=]{32,}",
    "Amazon": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "Google": r"\bAIza[0-9A-Za-z_-]{35}\b|\bya29\.[0-9A-Za-z_-]{20,}",
    "Meta": r"\bEAA[A-Za-z0-9]{40,}",
    "GitHub or GitLab": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{50,}|glpat-[\w-]{20,})",
    "Slack": r"\bxox[abprs]-[0-9A-Za-z-]{10,}|hooks\.slack\.com/services/T\w{8,}/B\w{8,}/\w{20,}",
    "Sentry": r"https://[0-9a-f]{32}@[\w.-]*sentry\.io",
    "password in an address": r"\b(?:postgres(?:ql)?|rediss?|amqps?|smtps?)://[^\s:/@\"'`{}$<>]+:[^\s@/\"'`{}$<>%]{6,}@",
    "value of a secret setting": r"^\+\s*(?:SECRET_KEY|DB_PASSWORD|METRICS_TOKEN)=[\"']?[A-Za-z0-9_+/=-]{20,}",
}
MADE_UP = (
    "budgets:budgets@",
    "ann:hidden@",
    "example",
    "password",
    "secret",
    "only-for",
    "hunter2",
    "user:",
    "whsec_MfKQ9r8G",
    "AAAAAAAA",
    "xxxx",
)
SEARCHED = {kind: re.compile(pattern) for kind, pattern in KINDS.items()}


def main() -> int:
    """Reads the whole history once; returns the exit status."""
    log = subprocess.Popen(
        ["git", "log", "--all", "-p", "--no-color", "--unified=0", "--format=commit %h"],  # noqa: S607
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    commit = file = ""
    found = 0
    for line in log.stdout or ():
        if line.startswith("commit "):
            commit = line.split()[1]
        elif line.startswith("+++ "):
            file = line[4:].strip().removeprefix("b/")
        elif line.startswith("+") and not any(word in line for word in MADE_UP):
            for kind, pattern in SEARCHED.items():
                if pattern.search(line):
                    found += 1
                    sys.stdout.write(f"{commit} {file}: {kind}\n")
    if log.wait():
        return 2
    sys.stdout.write(f"{found or 'no'} secret{'s' if found != 1 else ''} found\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

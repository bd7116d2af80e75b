#!/usr/bin/env bash
# Installs what the checks and tests need and runs all of them; stops at the first that fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/venv.sh
. scripts/venv.sh

install requirements.txt requirements-dev.txt

# The checks see the project as the tests do, whatever this machine's environment and .env say.
export DJANGO_SETTINGS_MODULE=budget_system.testing.settings ENV_FILE=/dev/null

step() {
    printf '\n== %s\n' "$*"
    "$@"
}

PATH=$PWD/.venv/bin:$PATH
step ruff check .
step ruff format --check .
step mypy .
step python manage.py check --fail-level WARNING
step python manage.py makemigrations --check --dry-run
step check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
step hadolint Dockerfile
step pytest -n 2
step pytest -n 2 --engine=postgresql
printf '\nAll checks and tests passed.\n'

#!/usr/bin/env bash
# Installs what the checks and tests need and runs all of them; stops at the first that fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/venv.sh
. scripts/venv.sh

install requirements.txt requirements-dev.txt requirements-apprise.txt requirements-archive.txt

# The tests in a browser drive the system's Chromium; without it they are skipped, but never where CI is set.
if ! command -v chromium chromium-browser google-chrome >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing Chromium for the tests in a browser ..."
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium ||
            echo "Chromium could not be installed." >&2
    else
        echo "The tests in a browser need Chromium: \`sudo apt install chromium\` on Debian and Ubuntu." >&2
    fi
fi

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
step check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml docker-compose.prod.yml
step hadolint Dockerfile
step pytest -n 3
step pytest -n 3 --engine=postgresql
printf '\nAll checks and tests passed.\n'

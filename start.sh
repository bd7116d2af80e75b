#!/usr/bin/env bash
# Runs the whole system in the foreground until Ctrl-C. ./start.sh --help tells the options.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/venv.sh
. scripts/venv.sh

install requirements.txt
exec .venv/bin/python -m budget_system.runner "$@"

#!/usr/bin/env bash
# Runs the whole system in the foreground until Ctrl-C. ./start.sh --help tells the options.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

for argument in "$@"; do
    case $argument in
    # Told by any Python, without installing anything.
    -h | --help) exec "${PYTHON:-python3}" -I budget_system/options.py --help ;;
    esac
done

# shellcheck source=scripts/venv.sh
. scripts/venv.sh

install requirements.txt
exec .venv/bin/python -m budget_system.runner "$@"

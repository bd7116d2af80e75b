# shellcheck shell=bash
# Sourced by start.sh and test.sh, in the project's folder.

# install FILE...: make .venv if there is none and install these requirement files where they have changed.
install() {
    # Its programs name the folder it was made in: one that was moved or copied along is made anew.
    if ! .venv/bin/python -c '' 2>/dev/null || ! grep -qF "$(pwd -P)/.venv" .venv/bin/pip; then
        make_venv
    fi
    local file
    for file in "$@"; do
        # The copy is what was installed last: an unchanged file costs nothing.
        if ! cmp -s "$file" ".venv/installed-$file"; then
            echo "Installing $file ..."
            .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-input --requirement "$file"
            cp "$file" ".venv/installed-$file"
        fi
    done
}

make_venv() {
    local candidate python=""
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "Python 3.11 or newer is needed and was not found. Install it, or name it: PYTHON=/path/to/python3 $0" >&2
        exit 1
    fi
    echo "Making .venv with $("$python" --version) ..."
    rm -rf .venv
    if ! "$python" -m venv .venv; then
        rm -rf .venv
        echo "$python cannot make virtual environments: its venv module is missing or incomplete." >&2
        echo "On Debian and Ubuntu \`sudo apt install python3-venv\` adds it. Then run $0 again." >&2
        exit 1
    fi
}

# shellcheck shell=bash
# What the checks have in common that run the binary or Python. To be sourced.

# fail WORDS...
fail() {
    printf '%s: %s\n' "$0" "$*" >&2
    exit 1
}

# find_tidegate ROOT [TIDEGATE]: the path of the binary that was named, or else of the newest that was built.
find_tidegate() {
    local tidegate=${2:-} built
    if [ -z "$tidegate" ]; then
        for built in "$1"/target/{release,debug}/tidegate; do
            if [ -x "$built" ] && { [ -z "$tidegate" ] || [ "$built" -nt "$tidegate" ]; }; then tidegate=$built; fi
        done
    fi
    [ -x "$tidegate" ] || fail 'there is no tidegate: build it first, with cargo build'
    realpath "$tidegate"
}

# make_venv FOLDER REQUIREMENTS: Python packages of exactly these versions in FOLDER/venv, made anew where they have changed.
make_venv() {
    mkdir -p "$1"
    if ! cmp -s "$2" "$1/venv/requirements.txt"; then
        python3 -m venv --clear "$1/venv"
        "$1/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$2"
        cp "$2" "$1/venv/"
    fi
}

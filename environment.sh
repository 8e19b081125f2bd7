#!/bin/sh
# Makes or mends an environment, and installs what requirements.lock and constraints.txt pin: sh environment.sh VENV [PYTHON]
#
# A sound environment stays, with whatever else was installed in it; one that is not is made anew. Without PYTHON any
# supported version will do. POSIX sh, because it runs where there may be no Python yet.
set -eu
cd "$(dirname "$0")"

venv=$1
wanted=$2
interpreter=$venv/bin/python
stamp=$venv/.installed
supported=$(sed -n 's/^requires-python = ">=3\.\([0-9]*\),<3\.\([0-9]*\)"$/\1 \2/p' pyproject.toml)
oldest=${supported% *}
newest=$((${supported#* } - 1))
range="Python 3.$oldest to 3.$newest"

fail() {
    echo "$*" >&2
    exit 1
}

# "3.12"; "3.13t" or "pypy3.11" for an interpreter that the pinned packages are not built for.
version_of() {
    "$1" -c '
import sys
name = getattr(getattr(sys, "implementation", None), "name", "cpython").replace("cpython", "")
threads = "t" if "t" in getattr(sys, "abiflags", "") else ""
print("%s%d.%d%s" % (name, sys.version_info[0], sys.version_info[1], threads))' 2>/dev/null
}

versions() {
    minor=$newest
    while [ "$minor" -ge "$oldest" ]; do
        echo "3.$minor"
        minor=$((minor - 1))
    done
}

is_supported() {
    versions | grep -qxF "$1"
}

makes_environments() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

lacks_venv() {
    fail "$1 is Python $2 without the venv module: apt install python$2-venv on Debian and Ubuntu," \
        "or name another one: make PYTHON=/path/to/python$2"
}

# Sets python and version: the one that was asked for, or the first that will do.
find_python() {
    if [ -n "$wanted" ]; then
        python=$wanted
        version=$(version_of "$python") || fail "PYTHON=$python does not run: name one of $range that does."
        is_supported "$version" || fail "PYTHON=$python is Python $version: $range is needed."
        makes_environments "$python" || lacks_venv "$python" "$version"
        return 0
    fi
    seen=
    lacking=
    for python in python3 $(versions | sed 's/^/python/') python; do
        version=$(version_of "$python") || continue
        if ! is_supported "$version"; then
            seen="$seen, $python is $version"
        elif makes_environments "$python"; then
            return 0
        else
            lacking=${lacking:-$python $version}
        fi
    done
    [ -z "$lacking" ] || lacks_venv "${lacking% *}" "${lacking#* }"
    fail "No $range is on the PATH${seen:+ (${seen#, })}: install one, or name it: make PYTHON=/path/to/python3.$newest"
}

# Why the environment cannot stay; nothing when it is sound.
fault() {
    if [ ! -e "$venv" ]; then
        echo "is not there yet"
    elif [ ! -f "$venv/pyvenv.cfg" ] || [ ! -f "$venv/bin/activate" ]; then # the first and the last to be written
        echo "is not finished"
    elif [ ! -x "$interpreter" ]; then
        echo "has lost its Python"
    elif ! has=$(version_of "$interpreter"); then
        echo "has a Python that does not run"
    elif ! is_supported "$has"; then
        echo "is of Python $has, and $range is needed"
    elif [ -n "$wanted" ] && [ "$has" != "$version" ]; then
        echo "is of Python $has, and $version was asked for"
    elif [ ! -d "$venv/lib/python$has/site-packages" ]; then
        echo "was made by another Python than $has"
    elif [ -s "$stamp" ] && [ "$(head -n 1 "$stamp")" != "$place" ]; then
        echo "was made elsewhere"
    fi
}

has_pip() {
    "$interpreter" -m pip --version >/dev/null 2>&1
}

is_installed() {
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ]
}

# Nobody's folder is cleared for a mistyped VENV.
require_ours() {
    case ${venv##*/} in .venv*) return 0 ;; esac
    [ ! -e "$venv" ] || [ -f "$venv/pyvenv.cfg" ] || [ -z "$(ls -A "$venv")" ] ||
        fail "VENV=$venv holds something else than an environment: name another folder."
}

make_environment() {
    require_ours
    [ -n "$wanted" ] || find_python
    echo "$venv $1: made with Python $version ($python)"
    told=$("$python" -m venv --clear "$venv" 2>&1) ||
        fail "$venv could not be made with $python: $(echo "$told" | tail -n 1)"
}

# An installation that was killed leaves packages that only seem to be there, and what it had put aside.
drop_half_installed() {
    for path in "$venv"/lib/python*/site-packages/*.dist-info "$venv"/lib/python*/site-packages/~*; do
        if [ -d "$path" ] && [ ! -f "$path/RECORD" ]; then
            rm -rf "$path"
        fi
    done
}

require_pip() {
    has_pip && return 0
    rm -rf "$venv"/lib/python*/site-packages/pip-*.dist-info # says that it is installed, and it is not
    if "$interpreter" -m ensurepip >/dev/null 2>&1 && has_pip; then
        echo "$venv had no pip: added"
    else
        make_environment "has no pip"
    fi
}

# pip is silent for a minute or, where torch comes with CUDA, for many.
tell_time() {
    seconds=0
    while sleep 15 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        seconds=$((seconds + 15))
        echo "$venv: installing, $seconds s"
    done
}

pip_install() {
    "$interpreter" -m pip install --disable-pip-version-check --quiet --progress-bar off "$@"
}

# Two calls, since pip takes hashes for all or for none, and torch has many builds of one version. The second finds
# there all but torch, what that build brings along, and this package, which the locked setuptools builds.
install_pinned() {
    pip_install --require-hashes --no-deps --only-binary :all: -r requirements.lock &&
        pip_install --no-build-isolation -c constraints.txt -e '.[dev]'
}

install() {
    rm -f "$stamp"
    require_pip
    drop_half_installed
    tell_time &
    clock=$!
    # Not TERM: who starts this may ignore it, and the shell beside would with it.
    trap 'kill -KILL "$clock" 2>/dev/null || true' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    install_pinned ||
        fail "Not everything could be installed in $venv, pip says why: make again goes on from there."
    echo "$state" >"$stamp"
}

place=$(pwd -P)
state="$place
$(cat pyproject.toml constraints.txt requirements.lock | cksum)"
[ -z "$wanted" ] || find_python
why=$(fault)
[ -z "$why" ] || make_environment "$why"
is_installed || install

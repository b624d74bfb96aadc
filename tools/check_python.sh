#!/bin/sh
# Makes the virtual environment named by $1, or says what is missing and how to install it.
# PYTHON names the interpreter that is tried first.
set -eu

install_with() { # names of the package on Debian, Fedora, Arch
    if command -v apt-get >/dev/null; then echo "sudo apt-get install $1"
    elif command -v dnf >/dev/null; then echo "sudo dnf install $2"
    elif command -v pacman >/dev/null; then echo "sudo pacman -S $3"
    else echo "the package manager of this system (package $1)"
    fi
}

is_new_enough() {
    command -v "$1" >/dev/null && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if [ "$(uname -s)" != Linux ]; then
    echo "medsift runs on Linux; on Windows use WSL2." >&2
    exit 1
fi

found=
for python in "${PYTHON:-python3}" python3.11 python3.12 python3.13; do
    if is_new_enough "$python"; then found=$python; break; fi
done
if [ -z "$found" ]; then
    echo "Python 3.11 or newer is missing: $(install_with python3.11 python3.11 python)" >&2
    exit 1
fi
if ! "$found" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "Python's venv is missing: $(install_with "python$version-venv" "python$version" python)" >&2
    exit 1
fi
[ -x "$1/bin/python" ] || "$found" -m venv "$1"

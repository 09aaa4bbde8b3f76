#!/bin/sh
# Builds the Lambda layer into dist/; ./build_layer.sh --help tells the options.
# Needs Python 3.11 or newer with pip; PYTHON names another than python3.
set -eu
# From wherever it is called, also through a link; CDPATH would lead `cd` elsewhere, and print.
script=$0
while [ -h "$script" ]; do
    target=$(readlink "$script")
    case $target in
    /*) script=$target ;;
    *) script=$(dirname "$script")/$target ;;
    esac
done
root=$(CDPATH='' cd -P "$(dirname "$script")" >/dev/null && pwd -P)
python=${PYTHON:-python3}
if ! "$python" -c "import sys, zlib; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then
    echo "build_layer.sh: needs Python 3.11 or newer with zlib; $python is not that. Try: PYTHON=python3.12 $0" >&2
    exit 1
fi
# Safe path: modules come from here, never from the folder that the user stands in.
PYTHONSAFEPATH=1 PYTHONPATH="$root" exec "$python" -B -m layer "$@"

#!/usr/bin/env bash
# Installs Python packages into a virtual environment, which it makes where there is none. Some are gigabytes:
# a download that breaks off is taken up again, and what came whole is not fetched twice.
#
#   scripts/pip.sh VENV PACKAGE...
#
# PYTHON=python3.12 chooses the interpreter of a new environment.
set -euo pipefail
python=$1/bin/python
[ -x "$python" ] || "${PYTHON:-python3}" -m venv "$1"
shift
pip=("$python" -m pip install --quiet --disable-pip-version-check --retries 10 --timeout 60)
for wait in 10 60 120 0; do
    # older ones begin a broken download anew
    "${pip[@]}" 'pip>=25.2' && "${pip[@]}" "$@" && exit
    echo "pip.sh: the installation failed" >&2
    sleep $wait
done
exit 1

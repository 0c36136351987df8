#!/bin/sh
# The steps of deploy/Containerfile that install newsdesk; tests/test_package.py runs them too, into a folder, as no container engine is needed for that.
#   container-steps.sh CHECKOUT PREFIX [PYTHON]
set -eu
checkout=$1 prefix=$2 python=${3:-python3}
"$python" -m venv "$prefix"
"$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: \
    --require-hashes -r "$checkout/constraints/postgres.txt"
# Not --editable: the image keeps no checkout. setuptools copies into build/ of the folder it builds in, so it builds in a copy.
work=$(mktemp -d)
cp -RP "$checkout/crawler" "$checkout/spiders" "$checkout/storage" "$checkout/config" "$checkout/pyproject.toml" "$checkout/README.md" "$checkout/LICENSE" "$work"
"$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --no-build-isolation "$work"
rm -rf "$work"
"$prefix/bin/newsdesk" --version

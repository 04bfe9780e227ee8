#!/usr/bin/env bash
# The documentation site, in target/docs/site. Warnings are errors. Everything it needs goes to target/docs; Python, Node.js
# and npm have to be there.
#
#   scripts/docs.sh              the site
#   scripts/docs.sh notebooks    execute the notebooks of examples/notebooks again, with the package that
#                                scripts/python.sh has built; the committed ones are not touched
#   scripts/docs.sh write        the same, and put the results in their place
#   scripts/docs.sh all          the site and the notebooks
#
# NEYMAN_SITE_URL and NEYMAN_REPOSITORY_URL say where site and repository are; without them links into the
# repository are left out. The code blocks of the pages are run by python/tests/test_docs.py.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/target/docs
what=${1:-site}

site() {
    scripts/pip.sh "$out/venv" 'mkdocs>=1.6,<2' 'mkdocs-material>=9.5,<10' 'mkdocstrings[python]>=0.27' ruff
    if [ ! -e "$out/katex/katex.min.js" ]; then
        # formulas: from the site itself, not from somebody's server
        mkdir -p "$out/katex"
        (cd "$out" && tar -xzf "$(npm pack --silent katex@0.16.11)" --strip-components=2 -C katex package/dist)
    fi
    # the theme speaks of what mkdocs 2 will be
    NO_MKDOCS_2_WARNING=1 NEYMAN_KATEX=$out/katex "$out/venv/bin/python" -m mkdocs build --strict --quiet
    node scripts/docs/formulas.mjs "$out/katex" "$out/site"
    echo "docs: $out/site/index.html"
}

notebooks() {
    local python=$PWD/target/python/venv/bin/python notebook
    [ -x "$python" ] || { echo "docs: scripts/python.sh builds the package that the notebooks need" >&2; exit 1; }
    scripts/pip.sh target/python/venv nbconvert ipykernel
    for notebook in examples/notebooks/*.ipynb; do
        (cd examples/notebooks && "$python" -m nbconvert --to notebook --execute --log-level ERROR \
            --ClearMetadataPreprocessor.enabled=True "$(basename "$notebook")" --output-dir "$out/notebooks")
        [ "$1" != write ] || cp "$out/notebooks/$(basename "$notebook")" "$notebook"
        echo "docs: $notebook runs"
    done
}

case $what in
    site) site ;;
    notebooks | write) notebooks "$what" ;;
    all) site; notebooks notebooks ;;
    *) sed -n '2,/^set/p' "$0" >&2; exit 2 ;;
esac

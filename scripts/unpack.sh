# shellcheck shell=bash
# For the scripts beside it, from the root of the repository: Debian packages unpacked into a folder of their own,
# without root. WORK, by default target/other-systems, holds them.
WORK=${WORK:-target/other-systems}
mkdir -p "$WORK"
WORK=$(cd "$WORK" && pwd)

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { say "$*"; exit 1; }

fetch_once() {
    local folder=$1 needed
    shift
    apt-cache show "$@" >/dev/null 2>&1 || return 1
    # with those of their dependencies that are not installed
    needed=$(apt-get install -s --no-install-recommends "$@" 2>/dev/null | awk '/^Inst/ { print $2 }' || true)
    (cd "$folder" && printf '%s\n' "$@" "$needed" | sort -u | xargs apt-get -qq download >/dev/null 2>&1)
}

# the package lists of a fresh or old machine name nothing, or versions that are gone
update_lists() {
    say "updating the package lists"
    if [ "$(id -u)" -eq 0 ]; then apt-get update -qq; else sudo -n apt-get update -qq; fi
}

# unpack NAME PACKAGE...: into $WORK/NAME, once
unpack() {
    local folder=$WORK/$1 packages=$WORK/$1.packages package
    shift
    [ ! -e "$folder/.complete" ] || return 0
    command -v apt-get >/dev/null || die "needs the packages $* of Debian 12"
    say "fetching $*"
    rm -rf "$folder" "$packages"
    mkdir -p "$folder" "$packages"
    fetch_once "$packages" "$@" || { update_lists && fetch_once "$packages" "$@"; } || die "could not fetch $* (Debian 12 with its security updates is meant)"
    for package in "$packages"/*.deb; do dpkg-deb -x "$package" "$folder"; done
    rm -rf "$packages"
    : >"$folder/.complete"
}

# libraries of what was unpacked
library_path() { printf %s "$WORK/$1/usr/lib/$(uname -m)-linux-gnu"; }

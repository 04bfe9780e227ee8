#!/usr/bin/env bash
# Installs what a build needs and this machine lacks: a C compiler, and Rust. Quick when all is there.
#   scripts/setup.sh            for building and running
#   scripts/setup.sh --checks   also rustfmt, clippy and a Vulkan driver in software, for scripts/test.sh
# Rust comes from the first of: the cargo already here, rustup, Debian's or Ubuntu's packages.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
checks=false
[ "${1:-}" = --checks ] && checks=true

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# true if version $1 is at least $2
at_least() { [ "$(printf '%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif have sudo; then sudo "$@"
    else die "needs root for: $* (run this script as root, or install sudo)"
    fi
}

updated=false
apt_update() {
    $updated && return
    have apt-get || die "no apt-get here: install $1 with this system's own packages, then run this again"
    as_root apt-get update -qq
    updated=true
}

apt_install() {
    apt_update "$*"
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

# the version apt would install, without epoch and revision; empty if it has none
apt_version() { apt-cache policy "$1" | sed -n 's/^  Candidate: //p' | sed 's/(none)//; s/^[0-9]*://; s/[+~-].*//'; }

cargo_is_new() {
    local version
    version=$(cargo --version 2>/dev/null | cut -d' ' -f2 | cut -d- -f1)
    [ -n "$version" ] && at_least "$version" "$wanted"
}

rust_from_rustup() {
    have rustup || return 1
    say "asking rustup for a stable toolchain"
    rustup toolchain install stable --profile minimal || return 1
    # another default may be wanted elsewhere: this folder alone uses stable
    cargo_is_new || rustup override set stable
    cargo_is_new
}

rust_from_packages() {
    apt_update "Rust $wanted"
    # the -web packages are the newer compiler that Debian keeps for its browsers
    local suffix
    for suffix in "" -web; do
        if at_least "$(apt_version "cargo$suffix")" "$wanted" && at_least "$(apt_version "rustc$suffix")" "$wanted"; then
            apt_install "rustc$suffix" "cargo$suffix"
            hash -r
            cargo_is_new
            return
        fi
    done
    [ -n "$(apt_version rustup)" ] || return 1
    apt_install rustup
    hash -r
    rust_from_rustup
}

have cc || apt_install build-essential
# rustup's own place, which a shell opened before its installation does not search
have cargo || ! [ -x "$HOME/.cargo/bin/cargo" ] || die "cargo is in ~/.cargo/bin, which is not in PATH: run  . ~/.cargo/env"
cargo_is_new || rust_from_rustup || rust_from_packages || die \
    "no Rust $wanted or newer to be had from rustup or apt: install it from https://rustup.rs and run this again"

# component, and the packages that may hold it
check_tool() {
    cargo "$1" --version >/dev/null 2>&1 && return
    if have rustup && rustup component add "$2" 2>/dev/null; then return; fi
    apt_update "$2"
    local package version
    version=$(rustc --version | cut -d' ' -f2)
    for package in "${@:3}"; do
        # the same release as the compiler: a clippy of another one refuses its libraries
        if [ "$(apt_version "$package")" = "$version" ]; then apt_install "$package"; return; fi
    done
    die "no $2 for rustc $version to be had from rustup or apt"
}
# a driver that Vulkan's loader finds
have_vulkan() { ls /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json >/dev/null 2>&1; }
if $checks; then
    # Mesa's lavapipe runs the kernels on the processor; without any driver their tests are skipped
    if have apt-get && ! have_vulkan; then apt_install libvulkan1 mesa-vulkan-drivers; fi
    check_tool fmt rustfmt rustfmt rustfmt-web
    check_tool clippy clippy rust-clippy rust-web-clippy
fi
say "$(cargo --version), $(cc --version | head -n 1)"

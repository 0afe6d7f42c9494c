#!/usr/bin/env bash
# Unpacks Docker with BuildKit (docker.io, docker-cli, docker-buildx, containerd) of a newer Debian suite into a folder, for
# tests on a Debian whose own is too old. Nothing is installed; runc is the machine's own. Ends at once when it is there.
#
#   scripts/newer-docker.sh [SUITE [FOLDER]]      trixie; $OCIBUILD_TEST_DOCKER or ~/.cache/ocibuild-test/docker
set -euo pipefail
suite="${1:-trixie}"
folder="${2:-${OCIBUILD_TEST_DOCKER:-${XDG_CACHE_HOME:-$HOME/.cache}/ocibuild-test/docker}}"
packages=(docker.io docker-cli docker-buildx containerd)
[ "$(cat "$folder/suite" 2>/dev/null)" != "$suite" ] || exit 0
for program in apt-get dpkg-deb; do
  command -v "$program" >/dev/null || { echo "$0: this takes Debian's $program" >&2; exit 1; }
done

# The mirror that this Debian takes its own packages from.
mirror="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n 1p)"
mirror="${mirror:-http://deb.debian.org/debian/}"

mkdir -p "$(dirname "$folder")"
work="$(mktemp -d "$folder.XXXXXX")"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,archives/partial,downloads,unpacked}
: >"$work/status"
# Signatures are checked: an unsigned list is refused by apt-get.
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
apt() {
  timeout 300 apt-get -q \
    -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o "Dir::State::Lists=$work/lists" -o "Dir::State::Status=$work/status" -o "Dir::Cache=$work" \
    -o Acquire::Languages=none -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o APT::Sandbox::User= \
    -o APT::Update::Error-Mode=any "$@"
}
apt update
(cd "$work/downloads" && apt download "${packages[@]}")
for package in "$work"/downloads/*.deb; do dpkg-deb --extract "$package" "$work/unpacked"; done
"$work/unpacked/usr/sbin/dockerd" --version
echo "$suite" >"$work/unpacked/suite"
rm -rf "$folder"
mv -T "$work/unpacked" "$folder"
echo "Docker of $suite is in $folder"

#!/usr/bin/env bash
# Puts a DocumentDB engine (PostgreSQL 18 with its extension, from Debian forky) into a folder of its own, where
# Debian 12's libc does not matter. Idempotent: a folder that is complete is left as it is. As root; about a minute.
set -euo pipefail
folder=${1:?usage: install.sh FOLDER}
[ -e "$folder/.complete" ] && exit 0

mirror=$(awk '$1 == "URIs:" { print $2; exit } $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^http/) { print $i; exit } }' \
  /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true)
command -v debootstrap >/dev/null ||
  apt-get -o DPkg::Lock::Timeout=600 install --yes --no-install-recommends debootstrap

rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
# Debian 12's debootstrap has no script of the name forky; all suites since are built alike.
debootstrap --variant=minbase forky "$folder" "${mirror:-http://deb.debian.org/debian}" /usr/share/debootstrap/scripts/sid
cp /etc/apt/apt.conf.d/* "$folder/etc/apt/apt.conf.d/" 2>/dev/null || true
cp /etc/resolv.conf "$folder/etc/resolv.conf" 2>/dev/null || true
# No service starts in here: there is nothing that would run it.
printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
chmod +x "$folder/usr/sbin/policy-rc.d"
DEBIAN_FRONTEND=noninteractive chroot "$folder" apt-get install --yes --no-install-recommends postgresql-18-documentdb
touch "$folder/.complete"

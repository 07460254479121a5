#!/bin/bash
# A real single-node OpenStack for tests and for trying out: `lab.sh up|down|status|wipe`. As root, on Debian 12.
# The first `up` installs about 600 packages (five to ten minutes); later ones take one or two minutes.
cd "$(dirname "$0")" || exit 1
. lib/common.sh
case ${1:-} in
up)
  [ "$(id -u)" = 0 ] || die "run it as root"
  ./up.sh install || exit 1
  [ -s "$LAB/guest/lab-guest.qcow2" ] || ./guest/build.sh || die "the guest image cannot be built"
  exec ./up.sh
  ;;
down) exec ./down.sh ;;
wipe) exec ./down.sh --wipe ;;
status)
  for f in "$RUN"/*.pid; do
    [ -e "$f" ] || { echo "nothing was started"; exit 3; }
    n=$(basename "$f" .pid)
    if alive "$n"; then echo "$n up (pid $(pid_of "$n"))"; else echo "$n down"; bad=1; fi
  done
  exit "${bad:-0}"
  ;;
*)
  echo "usage: lab.sh up|down|status|wipe" >&2
  exit 2
  ;;
esac

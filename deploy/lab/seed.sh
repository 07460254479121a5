#!/bin/bash
# What a cloud needs before anybody can use it: the guest image, a flavor, a network. Idempotent. Prints shell variables.
cd "$(dirname "$0")" || exit 1; . lib/common.sh
. "$LAB/admin-openrc"
os() { openstack "$@" 2>/dev/null; }
os image show lab-guest -f value -c id >/dev/null ||
  os image create lab-guest --public --disk-format qcow2 --container-format bare --property hw_qemu_guest_agent=yes \
    --file "$LAB/guest/lab-guest.qcow2" >/dev/null || die "the image cannot be made"
os flavor show m1.lab -f value -c id >/dev/null || os flavor create m1.lab --ram 192 --vcpus 1 --disk 1 >/dev/null
os flavor show m1.lab2 -f value -c id >/dev/null || os flavor create m1.lab2 --ram 256 --vcpus 1 --disk 1 >/dev/null
os network show lab-net -f value -c id >/dev/null || os network create lab-net --share >/dev/null
os subnet show lab-subnet -f value -c id >/dev/null ||
  os subnet create lab-subnet --network lab-net --subnet-range 10.77.0.0/24 >/dev/null
# Holdfast's own users, and a tenant; the passwords are those of the demo cloud.
user() { os user show "$1" -f value -c id >/dev/null || os user create "$1" --password "$1-secret" >/dev/null; }
role() { os role add --user "$1" --project "$2" "$3" >/dev/null; }
os role show service -f value -c id >/dev/null || os role create service >/dev/null
os project show demo -f value -c id >/dev/null || os project create demo >/dev/null
for u in holdfast agent demo; do user $u; done
role holdfast service admin; role holdfast demo admin; role agent service service; role demo demo member
echo "HOLDFAST_TEST_IMAGE=$(os image show lab-guest -f value -c id)"
echo "HOLDFAST_TEST_FLAVOR=$(os flavor show m1.lab -f value -c id)"
echo "HOLDFAST_TEST_NETWORK=$(os network show lab-net -f value -c id)"

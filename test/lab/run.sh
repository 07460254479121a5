#!/usr/bin/env bash
# The suites that need a real cloud, on the lab (deploy/lab), which is started and seeded where it is not up.
set -euo pipefail
cd "$(dirname "$0")/../.."
LAB=${LAB:-/var/tmp/openstack-lab}
export LAB
deploy/lab/lab.sh up >&2
seed=$(deploy/lab/seed.sh)
set -a
# shellcheck disable=SC1090,SC1091
. "$LAB/admin-openrc"
eval "$seed"
HOLDFAST_TEST_S3=$(deploy/lab/bucket.sh)
set +a
# Real services take their time: a build, a boot, an attachment.
exec node_modules/.bin/ava --timeout=15m --concurrency=1 \
  test/lab/*.test.ts test/vault/target.test.ts test/vault/s3.test.ts test/openstack/{keystone,session,fault,listing,life}.test.ts

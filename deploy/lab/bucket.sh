#!/bin/bash
# Makes a bucket on the lab's Ceph RGW and prints where it is: http://key:secret@host:port/bucket
s3cmd -q --access_key=lab --secret_key=labsecret --host=127.0.0.1:7480 --host-bucket=127.0.0.1:7480 --no-ssl \
  mb s3://holdfast-test >/dev/null 2>&1 || true
echo http://lab:labsecret@127.0.0.1:7480/holdfast-test

# Copyright The Switchyard Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the scripts of the Python clients have in common.

A script gets its target as JSON on standard input, and prints "ok" and the name of each check that held.
"""

import hashlib
import json
import sys
import warnings

warnings.simplefilter("ignore")

target = json.load(sys.stdin)
ECHO = b"0123456789abcdef" * 20000


def same(got, want):
    if got != want:
        raise AssertionError("got %.300r, want %.300r" % (got, want))


def checksum(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def ok(name):
    print("ok", name, flush=True)

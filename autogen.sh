#!/bin/sh
# Make ./configure from a git clone. Needs autoconf, automake, libtool, autoconf-archive, pkg-config.
set -e
cd "$(dirname "$0")"
mkdir -p contrib/build-aux
exec autoreconf --install --force --warnings=all

#!/bin/sh
# Makes sure that a Chromium is there for the browser tests, or says what to do.
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null 2>&1; then
        echo "Browser: $(command -v "$name")"
        exit 0
    fi
done
if ! command -v apt-get >/dev/null 2>&1; then
    echo "No Chromium here and no apt-get: install Chromium or Chrome yourself, and it will be found on the PATH." >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "No Chromium here, and installing it needs root: run  sudo apt-get install chromium" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
if $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends chromium >/dev/null; then
    echo "Browser: $(command -v chromium)"
else
    echo "apt-get could not install chromium; install it by hand, or live without the browser tests." >&2
    exit 1
fi

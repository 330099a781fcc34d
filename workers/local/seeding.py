"""Fills a private stack with a workspace, a key and a scripted agent: `python -m workers.local.seeding < spec.json`.

The specification is a JSON object: `script` (see apps/providers/script.py), and optionally `tools` (names of built-in
tools), `streaming`, `limits` and `instructions`. What the caller needs to know is printed as a JSON object.
"""

import json
import sys

import django

AGENT = "scripted"


def main() -> None:
    """Read the specification, write the rows, print the key."""
    django.setup()
    from workers.local.scripted import seed_scripted_agent

    print(json.dumps(seed_scripted_agent(json.load(sys.stdin))))


if __name__ == "__main__":
    main()

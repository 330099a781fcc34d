"""`python -m workers.local.provision`: makes the demo's account and keeps it in `demo.json` of the stack's folder."""

import json

import django

django.setup()

from workers.local.account import ensure_account  # needs Django's apps  # noqa: E402
from workers.local.cluster import write_private  # noqa: E402
from workers.local.home import home  # noqa: E402

if __name__ == "__main__":
    file = home().demo
    kept = json.loads(file.read_text()) if file.exists() else {}
    write_private(file, json.dumps(ensure_account(kept), indent=2) + "\n")

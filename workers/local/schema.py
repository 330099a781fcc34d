"""`python -m workers.local.schema`: the tables, and what every start registers in them; harmless to repeat."""

import django
from django.core.management import call_command

if __name__ == "__main__":
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("register_dashboard")

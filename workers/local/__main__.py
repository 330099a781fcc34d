"""`python -m workers.local`: the commands behind `make up`, `make down`, `make status`, `make doctor`, `make demo`."""

import sys

try:
    from workers.local.commands import main
except ModuleNotFoundError as missing:
    sys.exit(f"The package {missing.name} is missing: run this through `make`, or install requirements/local.txt.")

if __name__ == "__main__":
    main()

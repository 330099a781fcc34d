"""`python -m workers.local`: the commands behind `make up`, `make down`, `make status`, `make doctor`, `make demo`."""

from workers.local.commands import main

if __name__ == "__main__":
    main()

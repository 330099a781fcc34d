"""`python -m cli`, where no `cef` is installed."""

from cli.main import cli

if __name__ == "__main__":
    cli(prog_name="cef")

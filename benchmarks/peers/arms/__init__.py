"""What runs in the peers' own virtual environment: nothing here imports the platform, and only `serving` is shared."""

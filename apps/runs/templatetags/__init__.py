"""Template tags of the admin of runs."""

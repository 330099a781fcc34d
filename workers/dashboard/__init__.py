"""Flower behind the platform's own sign-in: nothing of it answers anybody who may not see it."""

"""What runs in the peers' own virtual environment: nothing here imports the platform.

The fake models call the calculator for 6 * 7 and then say what it said; the prompt is the number of seconds that a
call of the model takes.
"""

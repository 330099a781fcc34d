"""Real processes under a seeded schedule of faults, a control arm, and a checker that trusts no engine.

make chaos SEED=7 DURATION=300        both arms, all live faults
python -m tests.chaos --only 14       one fault of the table in docs/reference/reliability.md
"""

"""Ids are UUIDv7 and ascend."""

from apps.core.ids import new_id


def test_ids_are_version_7_and_ascend_strictly() -> None:
    ids = [new_id() for _ in range(5_000)]
    assert {one.version for one in ids} == {7}
    assert ids == sorted(set(ids))

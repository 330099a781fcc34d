"""Manifests that continue each other."""

from dataclasses import replace

from apps.contexts.assembly.manifest import MAX_DEPTH, Manifest, ManifestItem, read


def items(*names: str) -> tuple[ManifestItem, ...]:
    return tuple(ManifestItem(ref=name, source="user", mode="full", digest="ab", span=(0, 5)) for name in names)


def manifest(*names: str, omitted: tuple[str, ...] = ()) -> Manifest:
    return Manifest("o200k_base", 1_000, 10, items(*names), items(*omitted))


def test_an_equal_beginning_is_named_and_not_repeated():
    first = manifest("a", "b", "c", omitted=("x",))
    second = manifest("a", "b", "d", omitted=("x",)).continuing(first)
    assert (second.base, second.kept_items, second.kept_omitted) == (first.digest, 2, 1)
    assert b'"ref":"a"' not in second.data
    assert b'"ref":"d"' in second.data


def test_what_was_written_short_is_read_whole():
    first = manifest("a", "b", "c")
    second = manifest("a", "b", "d").continuing(first)
    third = manifest("a", "b", "d", "e").continuing(second)
    stored = {one.digest: one.data for one in (first, second, third)}
    assert read(third.data, stored.__getitem__) == third
    assert read(third.data, stored.__getitem__).items == items("a", "b", "d", "e")


def test_an_unchanged_stable_region_points_at_the_first_manifest_from_every_step():
    first = step = manifest("a", "b", "t0")
    for n in range(1, 50):
        step = manifest("a", "b", f"t{n}").continuing(step)
        assert (step.base, step.kept_items, step.depth) == (first.digest, 2, 1)


def test_a_chain_of_bases_ends():
    step = manifest("n0")
    deepest = 0
    for n in range(1, 60):
        step = manifest(*(f"n{k}" for k in range(n + 1))).continuing(step)
        deepest = max(deepest, step.depth)
    assert deepest == MAX_DEPTH


def test_nothing_in_common_means_no_base():
    first = manifest("a")
    assert manifest("b").continuing(first) == manifest("b")
    assert manifest("b").continuing(None).base is None


def test_an_item_says_only_what_it_has():
    item = ManifestItem(ref="r", source="user", mode="stub", cut=(0, 7))
    assert item.to_json() == {"ref": "r", "source": "user", "mode": "stub", "cut": (0, 7)}
    assert ManifestItem.from_json({"ref": "r", "source": "user", "mode": "stub", "cut": [0, 7]}) == item
    assert ManifestItem.from_json(replace(item, tokens=3).to_json()).tokens == 3

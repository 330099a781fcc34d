"""How payloads are packed: which form, that each comes back byte for byte, and what is refused."""

import random
from hashlib import sha256

import pytest

from apps.core import canonical
from apps.core.exceptions import NotFound, PayloadTooLarge
from apps.runs import payloads
from apps.runs.payloads import APART_FROM, COMPRESSED_FROM, LARGEST, Packed, digest_of, pack, size_of, unpack

PROSE = "It was the best of times, it was the worst of times. "


def prose(length: int) -> bytes:
    """JSON text of exactly so many bytes."""
    return canonical.dump((PROSE * (length // len(PROSE) + 1))[: length - 2])


def noise(length: int) -> bytes:
    return random.Random(length).randbytes(length)


def opened(packed: Packed) -> bytes:
    apart = {} if packed.apart is None else {packed.apart.digest: packed.apart.data}
    return unpack([packed.row], lambda digests: {digest: apart[digest] for digest in digests})[0]


@pytest.mark.parametrize("length", [2, 100, COMPRESSED_FROM - 1])
def test_small_ones_stay_as_they_are(length):
    assert pack(prose(length)) == Packed(prose(length))


@pytest.mark.parametrize("length", [COMPRESSED_FROM, 100_000, APART_FROM - 1])
def test_larger_ones_are_compressed(length):
    packed = pack(prose(length))
    assert packed.apart is None
    assert len(packed.row) < length / 10
    assert (opened(packed), size_of(packed.row), digest_of(packed.row)) == (prose(length), length, None)


@pytest.mark.parametrize("length", [APART_FROM, 3_000_000])
def test_the_largest_lie_apart(length):
    packed = pack(prose(length))
    assert packed.apart is not None
    assert len(packed.row) == 37
    assert payloads.REFERENCES[0] <= packed.row < payloads.REFERENCES[1]
    assert len(packed.apart.data) < length / 10
    assert packed.apart.digest == digest_of(packed.row) == sha256(packed.apart.data).digest()
    assert (opened(packed), size_of(packed.row)) == (prose(length), length)


@pytest.mark.parametrize("length", [COMPRESSED_FROM, APART_FROM])
def test_what_does_not_shrink_is_not_compressed(length):
    data = b'"' + noise(length)
    packed = pack(data)
    assert (packed.row if packed.apart is None else packed.apart.data) == data
    assert (opened(packed), size_of(packed.row)) == (data, length + 1)


def test_the_same_bytes_lie_apart_under_the_same_hash():
    assert pack(prose(APART_FROM)) == pack(prose(APART_FROM))
    assert pack(prose(APART_FROM)).row != pack(prose(APART_FROM + 1)).row


def test_the_limit_counts_json_before_it_is_compressed():
    assert size_of(pack(b" " * LARGEST).row) == LARGEST
    with pytest.raises(PayloadTooLarge) as refused:
        pack(b" " * (LARGEST + 1), "output")
    assert refused.value.code == "payload_too_large"
    assert refused.value.message == "The output has 52428801 bytes of JSON; at most 52428800 are kept."


def test_many_rows_ask_once():
    asked = []
    apart = [pack(prose(APART_FROM + n)) for n in range(3)]
    rows = [b"1", apart[0].row, pack(prose(9_000)).row, apart[1].row, apart[0].row, apart[2].row]

    def fetch(digests):
        asked.append(set(digests))
        return {packed.apart.digest: packed.apart.data for packed in apart}

    assert [len(data) for data in unpack(rows, fetch)] == [
        1, APART_FROM, 9_000, APART_FROM + 1, APART_FROM, APART_FROM + 2,
    ]  # fmt: skip
    assert asked == [{packed.apart.digest for packed in apart}]


def test_nothing_is_asked_when_nothing_lies_apart():
    assert unpack([b"null", pack(prose(9_000)).row], lambda digests: pytest.fail("asked")) == [b"null", prose(9_000)]


def test_what_is_gone_is_told():
    with pytest.raises(NotFound) as lost:
        unpack([pack(prose(APART_FROM)).row], lambda digests: {})
    assert lost.value.code == "blob_not_found"


@pytest.mark.parametrize("value", [None, 0, -1, 1.5, "", "\x01", "\x02", [], {}, True, 2**100, "\ud800", "a\x00b"])
def test_no_json_begins_like_a_packed_row(value):
    data = canonical.dump(value)
    assert data[:1] not in (b"\x01", *payloads.REFERENCES)
    assert (opened(pack(data)), digest_of(data), size_of(data)) == (data, None, len(data))

"""Files of an input: stored once by hash, by reference."""

import hashlib

from apps.core import blobs
from apps.core.models import Blob
from apps.runs.models import Run
from apps.runs.services import Attachment, RunRequest, create_run
from tests.integration.runs.world import make_agent

PIXEL = b"\x89PNG\r\n\x1a\n\x00\xff"


def image(name: str = "shot.png", data: bytes = PIXEL) -> Attachment:
    return Attachment(name=name, media_type="image/png", data=data)


def with_files(workspace, *files: Attachment) -> Run:
    return create_run(workspace.id, RunRequest(agent="docs", input="Look!", attachments=files))


def test_it_works(support):
    make_agent(support)
    run = with_files(support, image())
    digest = hashlib.sha256(PIXEL)
    assert Run.objects.get(id=run.id).attachments == [
        {"name": "shot.png", "media_type": "image/png", "size": 10, "digest": digest.hexdigest()}
    ]
    assert blobs.load(support.id, digest.digest()) == PIXEL


def test_the_same_bytes_are_stored_once(support):
    make_agent(support)
    runs = [with_files(support, image("a.png"), image("b.png")), with_files(support, image("c.png"))]
    assert [[file["name"] for file in run.attachments] for run in runs] == [["a.png", "b.png"], ["c.png"]]
    assert Blob.objects.count() == 1


def test_workspaces_share_nothing(support, sales):
    for workspace in (support, sales):
        make_agent(workspace)
        with_files(workspace, image())
    assert sorted(Blob.objects.values_list("workspace_id", flat=True)) == sorted([support.id, sales.id])


def test_an_empty_file_is_a_file(support):
    make_agent(support)
    run = with_files(support, image(data=b""))
    assert (run.attachments[0]["size"], bytes(Blob.objects.get().data)) == (0, b"")

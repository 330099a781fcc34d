"""Files of a run's input reach its model."""

import base64
import json

from apps.core.models import Blob
from apps.runs.services import Attachment, RunRequest, create_run
from tests.integration.engine.following import ended, output
from tests.integration.engine.speaking import SpeakingProvider, local_model
from tests.integration.runs.world import make_agent

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_it_works(support, host):
    provider = SpeakingProvider({"content": "A pixel."})
    with provider.running() as url:
        make_agent(support, model=str(local_model(support, url)))
        image = Attachment(name="shot.png", media_type="image/png", data=PIXEL)
        run = create_run(support.id, RunRequest(agent="docs", input="What is this?", attachments=(image,)))
        ended(run)
    assert (run.status, output(run)) == ("succeeded", "A pixel.")
    (body,) = provider.requests
    words, picture = json.loads(body)["messages"][-1]["content"]
    assert words == {"type": "text", "text": "What is this?"}
    assert picture["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"


def test_a_file_that_is_gone_fails_the_run(support, hosts):
    make_agent(support)
    file = Attachment(name="a.txt", media_type="text/plain", data=b"abc")
    run = create_run(support.id, RunRequest(agent="docs", input="Read!", attachments=(file,)))
    Blob.objects.all().delete()
    hosts.start()
    ended(run)
    assert (run.status, run.error_code) == ("failed", "blob_not_found")

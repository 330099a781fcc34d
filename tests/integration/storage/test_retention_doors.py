"""Retention by REST and in the admin."""

import pytest

from apps.accounts.models import Membership
from apps.accounts.permissions import Role
from apps.runs.models import Retention
from tests.integration.accounts.people import bearer, join, key_of, make_user

URL = "/api/v1/retention"
FOR_GOOD = {"run_days": None, "payload_days": None, "swept_at": None}


def test_it_works(client):
    assert client.get(URL).json() == FOR_GOOD
    wanted = {"run_days": 365, "payload_days": 30}
    answer = client.put(URL, wanted, format="json")
    assert (answer.status_code, answer.json()) == (200, FOR_GOOD | wanted)
    assert client.get(f"{URL}/preview").json() == {"runs": 0, "payloads": 0}
    assert client.delete(URL).status_code == 204
    assert client.get(URL).json() == FOR_GOOD


@pytest.mark.parametrize("body", [{}, {"run_days": 0}, {"payload_days": "soon"}, {"run_days": 3, "other": 1}])
def test_what_is_refused(client, body):
    assert client.put(URL, body, format="json").status_code in {400, 422}
    assert Retention.objects.count() == 0


def test_an_operator_reads_and_does_not_set(support, client):
    bob = bearer(key_of(join(support, make_user("bob"), Role.OPERATOR)).text)
    assert bob.get(URL).status_code == 200
    assert bob.get(f"{URL}/preview").status_code == 403
    assert bob.put(URL, {"run_days": 1}, format="json").status_code == 403
    assert Retention.objects.count() == 0


def test_another_workspace_has_its_own(client, sales, charlie):
    client.put(URL, {"run_days": 1}, format="json")
    stranger = bearer(key_of(Membership.objects.get(workspace=sales, user=charlie)).text)
    assert stranger.get(URL).json() == FOR_GOOD


def test_the_admin(admin, support):
    page = admin.post(
        "/admin/runs/retention/add/", {"workspace": str(support.id), "run_days": "30", "payload_days": ""}, follow=True
    )
    assert page.status_code == 200
    retention = Retention.objects.get()
    assert (retention.workspace_id, retention.run_days, retention.payload_days) == (support.id, 30, None)
    shown = admin.get(f"/admin/runs/retention/{retention.pk}/change/").content.decode()
    assert "0 runs; the payloads of 0 runs" in shown

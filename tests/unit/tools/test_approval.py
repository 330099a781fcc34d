"""When a call needs somebody's consent."""

import pytest
from pydantic import ValidationError

from apps.accounts.permissions import Role
from apps.tools.approval import ApprovalPolicy
from apps.tools.exceptions import InvalidCondition

SCHEMA = {"type": "object", "properties": {"amount": {"type": "integer"}, "currency": {"default": "EUR"}}}


def policy(**fields) -> ApprovalPolicy:
    return ApprovalPolicy.model_validate(fields)


def test_it_works():
    asked = policy(when="amount > 100")
    assert asked.asks({"amount": 101}, SCHEMA)
    assert not asked.asks({"amount": 100}, SCHEMA)


def test_always_and_never():
    assert policy().asks({}, SCHEMA)
    assert policy(when="always").asks({}, SCHEMA)
    assert not policy(when="never").asks({}, SCHEMA)


def test_what_cannot_be_decided_waits():
    asked = policy(when="amount > 100")
    assert asked.asks({}, SCHEMA)
    assert asked.asks({"amount": "5"}, SCHEMA)


def test_an_argument_that_was_left_out_has_its_default():
    asked = policy(when='currency != "EUR"')
    assert not asked.asks({"amount": 1}, SCHEMA)
    assert asked.asks({"currency": "USD"}, SCHEMA)


def test_a_condition_over_other_arguments_is_refused():
    policy(when="amount > 1").check(SCHEMA)
    policy(when="never").check(SCHEMA)
    with pytest.raises(InvalidCondition):
        policy(when="sum > 1").check(SCHEMA)


def test_operators_decide_unless_it_says_otherwise():
    assert policy().role == Role.OPERATOR
    assert policy(role="owner").role == Role.OWNER


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "viewer"},
        {"role": "nobody"},
        {"needed": 0},
        {"needed": 2, "assignee": "eve@example.com"},
        {"on_due": "approve"},
        {"on_due": "escalate", "due_seconds": 60},
        {"on_due": "escalate", "due_seconds": 60, "escalate_role": "viewer"},
        {"escalate_role": "owner"},
        {"due_seconds": 0},
        {"when": ""},
        {"who": "me"},
    ],
)
def test_what_makes_no_sense(fields):
    with pytest.raises(ValidationError):
        policy(**fields)

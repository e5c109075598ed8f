"""Every change of the state of bulk work and its items: the table allows it, or it is refused and nothing is written."""

from itertools import product

import pytest

from bulk.errors import IllegalBulkTransition, StaleBulk
from bulk.models import BulkItem
from bulk.states import ITEM_TRANSITIONS, WORK_TRANSITIONS, ItemState, WorkState
from bulk.transition import item_transition, work_transition
from tests import factories
from tests.bulk.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("old", "new"), [*product(WorkState, WorkState)])
def test_every_pair_of_states_of_work(old: WorkState, new: WorkState) -> None:
    work = factories.bulk_work(at=NOW, state=old)
    if new in WORK_TRANSITIONS[old]:
        work_transition(work=work, to=new)
        assert work.state == new
    else:
        with pytest.raises(IllegalBulkTransition):
            work_transition(work=work, to=new)
        work.refresh_from_db()
        assert work.state == old


@pytest.mark.parametrize(("old", "new"), [*product(ItemState, ItemState)])
def test_every_pair_of_states_of_an_item(old: ItemState, new: ItemState) -> None:
    item = BulkItem.objects.create(work=factories.bulk_work(at=NOW), number=1, label="rim1", state=old)
    if new in ITEM_TRANSITIONS[old]:
        item_transition(item=item, to=new, text="result", now=NOW)
        assert (item.state, item.text, item.ended_at) == (new, "result", NOW)
    else:
        with pytest.raises(IllegalBulkTransition):
            item_transition(item=item, to=new, text="result", now=NOW)
        item.refresh_from_db()
        assert (item.state, item.text) == (old, "")


def test_a_second_worker_does_not_end_an_item_again() -> None:
    item = BulkItem.objects.create(work=factories.bulk_work(at=NOW), number=1, label="rim1")
    late = BulkItem.objects.get(pk=item.pk)
    item_transition(item=item, to=ItemState.DONE, text="first", now=NOW)
    with pytest.raises(StaleBulk):
        item_transition(item=late, to=ItemState.REFUSED, text="second", now=NOW)
    assert BulkItem.objects.get(pk=item.pk).text == "first"

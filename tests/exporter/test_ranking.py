"""Rankings and name indexes say what sorting everybody would say, however things change."""

from collections.abc import Callable
from itertools import islice
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.sums import TypeTable, event_count, of_slot, total_micros
from exporter.model import ranking
from exporter.model.cube import Cube
from exporter.model.intake import Intake
from exporter.model.invoices import IssuedInvoices
from exporter.model.ordered import BehindError
from exporter.model.view import MAX_RANKINGS, Sort, View
from tests.examples import examples

NAMES = [f"c{number}" for number in range(12)]
Changes = list[tuple[int, str, tuple[int, ...] | None, bool]]
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(NAMES),
        st.none() | st.tuples(st.integers(-5, 5), st.integers(0, 2), st.integers(-5, 5), st.integers(0, 2)),
        st.booleans(),
    ),
    max_size=60,
)


@settings(max_examples=examples(200))
@given(changes=CHANGES)
def test_rankings_keep_up(changes: Changes) -> None:
    """Read in between or not, every ranking is the sorted list, from every place on."""
    cube = Cube(TypeTable(("CALL", "DATA")))
    view = View(cube, list[Intake](), IssuedInvoices(), 0)
    for partition, name, sums, read in changes:
        cube.set_customer(partition, "2017-02", name, sums)
        if read:
            check(view)
    check(view)


def check(view: View) -> None:
    customers = view.customers("2017-02")
    for slot in (None, 0, 1):
        for sort in (Sort.TOTAL, Sort.COUNT):
            entries = []
            for name, sums in customers.items():
                total, count = (total_micros(sums), event_count(sums)) if slot is None else of_slot(sums, slot)
                if slot is None or count:
                    entries.append((-(total if sort is Sort.TOTAL else count), name))
            entries.sort()
            assert list(view.ranked("2017-02", sort, slot)) == [name for _, name in entries]
            for place, (value, name) in enumerate(entries):
                following = view.ranked("2017-02", sort, slot, (-value, name))
                assert list(following) == [name for _, name in entries[place + 1 :]]
    assert list(view.named("", "2017-02")) == sorted(customers)
    assert list(view.named("c1", "2017-02", after="c1")) == sorted(
        n for n in customers if n.startswith("c1") and n > "c1"
    )


def test_rankings_do_not_pile_up() -> None:
    """The one that was not used for longest makes room."""
    names = [f"T{number}" for number in range(MAX_RANKINGS * 2)]
    cube = Cube(TypeTable(names))
    cube.set_customer(0, "2017-02", "a", (1, 1))
    view = View(cube, list[Intake](), IssuedInvoices(), 0)
    for slot in range(len(names)):
        list(islice(view.ranked("2017-02", Sort.TOTAL, slot), 1))
    assert len(cube.months["2017-02"].rankings) == MAX_RANKINGS


class Interleaving:
    """A lock behind whose every hold others change something, as threads do."""

    def __init__(self, others: Callable[[], None]) -> None:
        self._others = others

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._others()


@settings(max_examples=examples(200))
@given(before=CHANGES, meanwhile=st.lists(CHANGES, max_size=8))
def test_orders_are_brought_up_while_others_change_them(before: Changes, meanwhile: list[Changes]) -> None:
    """Sorted without the lock, with changes in between: they end in the same order as if nothing had happened."""
    cube = Cube(TypeTable(("CALL", "DATA")))
    pending = list(meanwhile)

    def others() -> None:
        for partition, name, sums, _ in pending.pop() if pending else []:
            cube.set_customer(partition, "2017-02", name, sums)

    for partition, name, sums, _ in before:
        cube.set_customer(partition, "2017-02", name, sums)
    at_once = View(cube, list[Intake](), IssuedInvoices(), 0, at_once=True)
    with mock.patch.object(ranking, "MOST_CHANGES_AT_ONCE", 1):
        asks: list[Callable[[], object]] = [
            lambda: at_once.ranked("2017-02", Sort.TOTAL),
            lambda: at_once.ranked("2017-02", Sort.COUNT, 1),
            lambda: at_once.named("", "2017-02"),
            lambda: at_once.named(""),
        ]
        for ask in asks:
            for _ in range(20):
                try:
                    ask()
                    break
                except BehindError as behind:
                    behind.order.bring_up(Interleaving(others))
            else:
                raise AssertionError("it never catches up")
            view = View(cube, list[Intake](), IssuedInvoices(), 0)
            check(view)
            assert list(view.named("")) == sorted(cube.names)

"""Rankings and name indexes say what sorting everybody would say, however things change."""

from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.sums import TypeTable, event_count, of_slot, total_micros
from exporter.model.cube import Cube
from exporter.model.intake import Intake
from exporter.model.invoices import IssuedInvoices
from exporter.model.view import MAX_RANKINGS, Sort, View

NAMES = [f"c{number}" for number in range(12)]
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(NAMES),
        st.none() | st.tuples(st.integers(-5, 5), st.integers(0, 2), st.integers(-5, 5), st.integers(0, 2)),
        st.booleans(),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(changes=CHANGES)
def test_rankings_keep_up(changes: list[tuple[int, str, tuple[int, ...] | None, bool]]) -> None:
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

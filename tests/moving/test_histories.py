"""Moved by customer and counted, ids, voids and replacements come to what the plain model says, whatever happens.

Records go to any input partition; partitions are added; who moves is killed, torn apart, joined and left alone; who
counts dies before a commit, restores, or starts anew.
"""

from collections import Counter
from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st

from billing.event import EventRules, decode_record
from billing.moved_record import InputPlace
from billing.subtotal import ProgressKey, decode_progress, encode_key
from tests.examples import examples
from tests.moving.in_memory import Member, Topics, readers_of
from tests.once_histories import Sent, histories, payload_of, random_history
from tests.once_model import OnceModel
from tests.processor.test_once import NOW_MS, PARTITION, Counted, sums_of

KEYED_PARTITIONS = 3
MEMBERS = 2


@dataclass(frozen=True)
class Send:
    """Send so many records of the history, each to another input partition."""

    records: int


@dataclass(frozen=True)
class Widen:
    """Add an input partition."""


@dataclass(frozen=True)
class Share:
    """The group gives the input partitions out anew, to so many members."""

    members: int


@dataclass(frozen=True)
class Move:
    """A member moves records; see :meth:`tests.moving.in_memory.Member.move`."""

    member: int
    most: int
    asks_ends: bool
    hands_on: int | None


@dataclass(frozen=True)
class Count:
    """Count what is new in a keyed partition, in one piece, and then..."""

    partition: int
    then: str


Step = Send | Widen | Share | Move | Count
MOVES = st.builds(
    Move,
    st.integers(0, MEMBERS - 1),
    st.integers(1, 4),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 5)),
)
# Mostly moves, a few records each: what a torn one has moved is then passed over in several.
STEPS: st.SearchStrategy[Step] = st.one_of(
    MOVES,
    MOVES,
    MOVES,
    st.builds(Send, st.integers(1, 12)),
    st.builds(Widen),
    st.builds(Share, st.integers(1, MEMBERS)),
    st.builds(
        Count, st.integers(0, KEYED_PARTITIONS - 1), st.sampled_from(("commit", "forget", "take over", "lose"))
    ),
)  # fmt: skip


class World:
    """An input that is moved and counted, and what was sent to it."""

    def __init__(self, window_days: int, history: list[Sent]) -> None:
        self.topics = Topics([[], []], [[] for _ in range(KEYED_PARTITIONS)])
        self.window_days = window_days
        self._members = [Member(self.topics) for _ in range(MEMBERS)]
        self._owner: dict[int, int] = {}
        self.counted = [Counted(window_days) for _ in range(KEYED_PARTITIONS)]
        self._left = [payload_of(sent.record, number) for number, sent in enumerate(history)]
        self._sent = 0

    def take(self, step: Step) -> None:
        """Let something happen."""
        match step:
            case Send(records):
                for payload in self._left[self._sent : self._sent + records]:
                    self.topics.send(self._sent * 7, payload)
                    self._sent += 1
            case Widen():
                self.topics.input.append([])
                self._share_out(max(self._owner.values(), default=0) + 1)
            case Share(members):
                self._share_out(members)
            case Move(member, most, asks_ends, hands_on):
                self._members[member].move(most, asks_ends, hands_on)
                if hands_on is not None:
                    self._members[member].own([p for p, owner in self._owner.items() if owner == member])
            case Count(partition, then):
                self._count(partition, then)

    def end(self) -> None:
        """Let all be sent, moved and counted."""
        self.take(Send(len(self._left)))
        self._share_out(MEMBERS)
        for member in range(MEMBERS):
            self.take(Move(member, len(self._left), True, None))
        for partition in range(KEYED_PARTITIONS):
            self._count(partition, "commit")

    def _share_out(self, members: int) -> None:
        self._owner = {partition: partition % members for partition in range(len(self.topics.input))}
        for number, member in enumerate(self._members):
            member.own([partition for partition, owner in self._owner.items() if owner == number])

    def _count(self, partition: int, then: str) -> None:
        counted, records = self.counted[partition], self.topics.keyed[partition]

        def count() -> None:
            new = [payload for payload, _ in records[counted.book.progress.next_offset :]]
            if new:
                counted.count(new)

        count()
        if then == "lose":
            counted.take_over()
            count()
        counted.commit()
        if then == "forget":
            counted.book.forget()
        if then == "take over":
            counted.take_over()


def check_moved(topics: Topics) -> None:
    """The keyed topic holds each record of the input once, unchanged, and those of a partition in their order."""
    found: Counter[InputPlace] = Counter()
    for records in topics.keyed:
        last: dict[int, int] = {}
        for payload, place in records:
            found[place] += 1
            assert payload == topics.input[place.partition][place.offset]
            assert place.offset > last.get(place.partition, -1)
            last[place.partition] = place.offset
    places = [InputPlace(p, offset) for p, records in enumerate(topics.input) for offset in range(len(records))]
    assert found == Counter(places)


def check_counted(world: World) -> None:
    """Each keyed partition is what the model decides of its records; no id is known in two of them."""
    model = OnceModel(world.window_days)
    sums: Counter[tuple[str, str, str]] = Counter()
    counts: Counter[tuple[str, str, str]] = Counter()
    for partition, records in enumerate(world.topics.keyed):
        for offset, (payload, _) in enumerate(records):
            model.decide(partition, offset, decode_record(payload, EventRules(), NOW_MS))
        wanted, counted = model.of(partition), world.counted[partition]
        stored = counted.store.get(encode_key(ProgressKey(PARTITION)))
        if stored is None:
            assert not wanted.consumed
            continue
        found = decode_progress(stored)
        assert (found.accepted, found.accepted_micros) == (wanted.accepted, wanted.accepted_micros)
        assert (found.voids, found.replaces, found.duplicates) == (wanted.voids, wanted.replaces, wanted.duplicates)
        assert found.rejected == {reason.value: count for reason, count in wanted.rejected.items()}
        assert found.consumed == found.next_offset == len(records)
        for key, (micros, count) in counted.sums().items():
            sums[key] += micros
            counts[key] += count
    assert {key: (sums[key], counts[key]) for key in counts if counts[key]} == sums_of(model.billed)
    homes = [name for partition in model.partitions.values() for name in partition.known]
    assert len(homes) == len(set(homes))


HISTORIES = st.one_of(
    histories(partitions=1, max_size=60),
    st.builds(random_history, st.integers(0, 10**6), st.just(60), partitions=st.just(1)),
)
# What lies ahead, moved by a torn transaction, is passed over in pieces, and the partition is taken over in between.
IN_PIECES: list[Step] = [Send(40), Move(0, 4, True, 3), Move(0, 1, True, None), Share(1)]


@settings(max_examples=examples(200))
@given(HISTORIES, st.sampled_from((0, 1, 2, 35)), st.lists(STEPS, max_size=40))
@example(random_history(1, 60, partitions=1), 2, IN_PIECES)
def test_the_model_is_agreed_with_wherever_records_are_sent(
    history: list[Sent], window_days: int, steps: list[Step]
) -> None:
    """To the micro and to the count, over kills, restores, rebalances, torn transactions and partitions added."""
    world = World(window_days, history)
    with readers_of(world.topics):
        for step in (Share(1), Send(len(history) // 2), *steps):
            world.take(step)
        world.end()
    check_moved(world.topics)
    check_counted(world)

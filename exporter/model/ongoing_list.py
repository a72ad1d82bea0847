"""A list of a customer's records that goes on from page to page: what was rejected, and which ids it has met."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from billing.event import EventRules
from billing.known_id import KnownId
from billing.listed_ids import IdFates
from billing.listed_record import Listed, RecordLister, Sent
from billing.period import MonthCalendar
from exporter.model.input_pages import InputUnavailableError, PageAsked

# Of one list, in some 40 MB.
MOST_IDS = 100_000
# Whoever goes on with another one waits until its records are read again.
_MOST_LISTS = 8


class IdsInMemory:
    """The ids of one customer and input partition; see :class:`billing.known_id.Ids`."""

    def __init__(self) -> None:
        self._known: dict[str, KnownId] = {}

    def __len__(self) -> int:
        return len(self._known)

    def find(self, customer: str, id_: str, first_day: int) -> KnownId | None:
        """Return what an id was counted for."""
        known = self._known.get(id_)
        return None if known is None or known.day < first_day else known

    def put(self, customer: str, id_: str, known: KnownId) -> None:
        """Keep an id."""
        self._known[id_] = known

    def forget(self, first_day: int) -> None:
        """Let go of the days before the first one that is kept."""
        self._known = {id_: known for id_, known in self._known.items() if known.day >= first_day}


@dataclass(frozen=True)
class ListRules:
    """What lists keep to.

    Args:
        events: what an event must keep to.
        calendar: the billing periods.
        window_days: the setting `dedup_window_days`.
    """

    events: EventRules
    calendar: MonthCalendar
    window_days: int


@dataclass
class RejectedOf:
    """What is known of the customer's rejected records.

    Args:
        reasons: (input partition, offset) -> why it was rejected.
        next_offsets: partition of the rejected topic -> where to read on.
        is_whole: whether all is read that there was when the list began.
    """

    reasons: dict[tuple[int, int], str] = field(default_factory=dict)
    next_offsets: dict[int, int] = field(default_factory=dict)
    is_whole: bool = False

    def reach(self, offsets: Mapping[int, int], ends: Mapping[int, int]) -> None:
        """Note how far the rejected topic is read, and up to where it must be."""
        self.next_offsets.update(offsets)
        self.is_whole = all(self.next_offsets.get(partition, 0) >= end for partition, end in ends.items())


class OngoingList:
    """A list of one customer's records, those of each input partition in the order of their offsets.

    Args:
        rules: what it keeps to.
        customer: whose records.
    """

    def __init__(self, rules: ListRules, customer: str) -> None:
        self.offsets: dict[int, int] = {}
        """Input partition -> the offset after the last record taken in."""
        self.rejected = RejectedOf()
        self.lister = RecordLister(rules.events, customer, rules.calendar)
        self._ids: dict[int, IdsInMemory] = {}
        self._fates = IdFates(self.lister, self._ids_of, rules.window_days)

    def listed(self, partition: int, offset: int, value: bytes | None, now_ms: int) -> Iterator[Listed]:
        """Yield how the next record of a partition is listed; nothing if it does not name the customer.

        Raises:
            InputUnavailableError: the customer has more ids in the window than are kept.
        """
        reason = self.rejected.reasons.get((partition, offset), "")
        found = self.lister.read(partition, offset, value, now_ms, reason)
        if isinstance(found, Sent):
            yield from self._fates.listed(found)
            self._limit_ids(partition)
        elif found is not None:
            yield found

    def _limit_ids(self, partition: int) -> None:
        if len(self._ids_of(partition)) <= MOST_IDS:
            return
        self._ids_of(partition).forget(self._fates.first_day(partition))
        if len(self._ids_of(partition)) > MOST_IDS // 2:
            raise InputUnavailableError(
                f"the customer has more than {MOST_IDS // 2:,} ids in the window: list these events with qb explain"
            )

    def _ids_of(self, partition: int) -> IdsInMemory:
        return self._ids.setdefault(partition, IdsInMemory())


class KeptLists:
    """The lists that may go on, the newest ones only. Hand out each to one reader at a time.

    Args:
        rules: what they keep to.
    """

    def __init__(self, rules: ListRules) -> None:
        self._rules = rules
        self._kept: OrderedDict[object, OngoingList] = OrderedDict()

    def take(self, asked: PageAsked) -> OngoingList:
        """Return the list that goes on where a page begins, or a new one, which has to take in all before it."""
        try:
            return self._kept.pop(_key(asked, asked.offsets))
        except KeyError:
            return OngoingList(self._rules, asked.customer)

    def keep(self, asked: PageAsked, offsets: Mapping[int, int], ongoing: OngoingList) -> None:
        """Keep the list for the page that begins at some offsets."""
        self._kept[_key(asked, offsets)] = ongoing
        while len(self._kept) > _MOST_LISTS:
            try:
                self._kept.popitem(last=False)
            except KeyError:
                return


def _key(asked: PageAsked, offsets: Mapping[int, int]) -> object:
    places = frozenset((partition, offset) for partition, offset in offsets.items() if offset)
    return asked.customer, asked.month, asked.type, frozenset(asked.ends.items()), places

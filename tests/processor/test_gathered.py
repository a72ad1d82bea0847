"""Records wait to be read and events to be summed: however often that happens, the fold is the same."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.sums import event_count
from processor.fold import fold
from processor.gathered import Gathered
from tests.processor.test_fold import NOW_MS, RECORD, RULES, verdict_on

FIRST_OFFSET = 7


@dataclass(frozen=True)
class FakeMessage:
    """A record as the client hands it out."""

    number: int
    payload: bytes | None

    def __len__(self) -> int:
        return len(self.payload or b"")

    def value(self) -> bytes | None:
        return self.payload

    def key(self) -> bytes | None:
        return b"key"

    def headers(self) -> None:
        return None

    def topic(self) -> str:
        return "incoming"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return FIRST_OFFSET + 2 * self.number

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_000 - self.number


@settings(max_examples=150)
@given(st.lists(st.tuples(RECORD, st.booleans()), min_size=1, max_size=20), st.sampled_from([-1, 1_489_000_000_000]))
def test_where_records_are_read_changes_nothing(records: list[tuple[bytes | None, bool]], watermark_ms: int) -> None:
    """Sums, late events and rejected records are those of all records folded at once; so are offset and times."""
    gathered = Gathered(RULES)
    messages = [FakeMessage(number, payload) for number, (payload, _) in enumerate(records)]
    for message, (_, reads) in zip(messages, records, strict=True):
        gathered.add([message])
        if reads:
            gathered.read(NOW_MS)
            assert gathered.bytes == 0
    assert gathered.bytes <= sum(map(len, messages))
    gathered.read(NOW_MS)
    payloads = [payload for payload, _ in records]
    expected = fold(payloads, RULES, NOW_MS, watermark_ms)
    assert gathered.fold(watermark_ms) == expected
    unbilled = [m for m in messages if verdict_on(m.payload) is not None]
    assert [(r.offset, r.carried.value) for r in gathered.rejected] == [(m.offset(), m.payload) for m in unbilled]
    assert [record.rejection.reason for record in gathered.rejected] == expected.rejected
    assert gathered.events == event_count(expected.accepted)
    assert gathered.events + len(gathered.rejected) == gathered.records == len(records)
    assert gathered.next_offset == messages[-1].offset() + 1
    assert (min(gathered.record_times_ms), max(gathered.record_times_ms)) == (1_000 - (len(records) - 1), 1_000)

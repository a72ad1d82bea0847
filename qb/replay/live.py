"""What is live: a month's subtotals of all customers, as whole commits left them, and how far they count."""

from collections.abc import Iterator

from billing import subtotal
from billing.errors import OperatorError
from billing.runtime.native.block import RecordBlock
from billing.subtotal import CustomerMonthKey, Progress, ProgressKey
from qb.explain.matching import KeyFinder

ZONE_RUNBOOK = "docs/runbook.md#time-zone-changed"


class LiveSums:
    """The subtotals of one month; see :class:`qb.replay.difference.CustomerSums`.

    A commit ends with the progress record of its input partition. What comes after the newest one belongs to a commit
    of which not all has been read, and does not count yet.

    Args:
        month: the month by which the processors count.
        partitions: how many partitions the input has.
    """

    def __init__(self, month: str, partitions: int) -> None:
        self._month = month
        names = [f"customer|{partition}|{month}|" for partition in range(partitions)]
        self._finders = [KeyFinder(name) for name in ("progress|", *names)]
        # Customer -> input partition -> record value, of whole commits; by partition, of the one that is being read.
        self._whole: dict[str, dict[int, bytes]] = {}
        self._begun: dict[int, dict[str, bytes]] = {}
        self.progress: dict[int, Progress] = {}

    def read(self, block: RecordBlock) -> None:
        """Take records of the subtotals topic in, those of an input partition in the order of their offsets.

        Raises:
            RecordError: a record is none, or of another version.
        """
        for index in sorted([index for finder in self._finders for index in finder.positions(block)]):
            value = block.value(index) or b""
            match subtotal.decode_key(block.key(index) or b""):
                case CustomerMonthKey(partition, month, customer) if month == self._month:
                    self._begun.setdefault(partition, {})[customer] = value
                case ProgressKey(partition):
                    self.progress[partition] = subtotal.decode_progress(value)
                    for customer, sums in self._begun.pop(partition, {}).items():
                        self._whole.setdefault(customer, {})[partition] = sums

    @property
    def next_offsets(self) -> dict[int, int]:
        """Input partition -> the offset up to which, exclusive, the sums count."""
        return {partition: progress.next_offset for partition, progress in sorted(self.progress.items())}

    @property
    def watermark_ms(self) -> int:
        """The highest event time accepted, in milliseconds; -1 before the first."""
        return max((progress.watermark_ms for progress in self.progress.values()), default=-1)

    def time_zone(self) -> str:
        """Return the zone by which the input is counted.

        Raises:
            OperatorError: nothing is counted yet, or not all of it by one zone.
        """
        zones = {progress.time_zone for progress in self.progress.values() if progress.next_offset}
        if not zones:
            raise OperatorError("nothing is counted yet, so there is nothing to compare with: start a processor first")
        if len(zones) > 1:
            raise OperatorError(
                f"the input is counted by the months of {' and '.join(sorted(zones))}: see {ZONE_RUNBOOK}"
            )
        return zones.pop()

    def of(self, customer: str) -> dict[str, tuple[int, int]]:
        """Return type -> (micros, events) of a customer, all input partitions together."""
        sums: dict[str, tuple[int, int]] = {}
        for value in self._whole.get(customer, {}).values():
            for type_, (micros, count) in subtotal.decode_sums(value).items():
                before = sums.get(type_, (0, 0))
                sums[type_] = before[0] + micros, before[1] + count
        return sums

    def customers(self) -> Iterator[str]:
        """Yield those who have any."""
        return iter(self._whole)

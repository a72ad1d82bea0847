"""The fold: what records of one input partition add, and which of them are late.

The same records give the same result however they are cut into batches.
"""

from dataclasses import dataclass, field

from billing.event import EventRules
from billing.period import MonthCalendar
from billing.sums import NO_SUMS, Sums
from processor.reading import Rejection


@dataclass(frozen=True)
class FoldRules:
    """What a fold keeps to.

    Args:
        events: what an event must keep to.
        calendar: the billing periods.
        out_of_orderness_ms: how far behind the watermark an event still counts as in time.
    """

    events: EventRules
    calendar: MonthCalendar
    out_of_orderness_ms: int


@dataclass
class Fold:
    """What a batch adds to a partition, besides the sums themselves.

    Args:
        watermark_ms: the highest event time of the partition after the batch; -1 without any.
        accepted: the sums of all events, packed in the order of the rules' types.
        late: how many events lay more than `out_of_orderness` behind the watermark when they came.
        rejections: the records that cannot be billed, in offset order.
        exact: how many records were read one by one.
    """

    watermark_ms: int = -1
    accepted: Sums = NO_SUMS
    late: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    exact: int = 0

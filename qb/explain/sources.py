"""Asks the topics: what is told of a number, what was rejected, and the records that make it up."""

from collections.abc import Iterator

from billing.errors import OperatorError
from billing.invoice import Invoice
from billing.listed_record import Listed
from billing.period import MonthCalendar
from billing.settings import Settings
from billing.subtotal import RecordError
from qb.audit.scratch import scratch_database
from qb.explain.fates import FateFinder
from qb.explain.input import InputScan
from qb.explain.matching import CustomerFinder, KeyFinder, months_of
from qb.explain.question import InvoiceQuestion, MonthQuestion, Question
from qb.explain.reading_display import ReadingDisplay
from qb.explain.rejected_places import RejectedPlaces
from qb.explain.scope import Asked, ask_invoice
from qb.explain.told import CountedSums, find_invoice, invoice_before
from qb.explain.topics import TopicScan
from qb.reading.topics import Topics

ANEW_RUNBOOK = "docs/runbook.md#state-and-offsets"


class Sources:
    """What is read for one question.

    Args:
        settings: the topics, and what an event must keep to.
        calendar: the billing periods.
        display: told of what is read, and looks whether to stop.

    Raises:
        OperatorError: no broker answers, or a topic is missing; every method may raise it.
    """

    def __init__(self, settings: Settings, calendar: MonthCalendar, display: ReadingDisplay) -> None:
        self._settings, self._calendar, self._display = settings, calendar, display
        self._topics = Topics(settings)
        self._now_ms = settings.clock.now_ms()

    def ask(self, question: Question) -> Asked:
        """Return the question with what the topics tell."""
        try:
            match question:
                case MonthQuestion(customer, month, type_):
                    sums = self._counted_sums(customer)
                    sums.check_zone(self._settings.time_zone)
                    return sums.ask(month, type_)
                case InvoiceQuestion(number, month):
                    return self._ask_invoice(number, month)
        except RecordError as error:
            raise OperatorError(f"a record cannot be read: {error}") from None

    def deleted(self) -> dict[str, dict[int, int]]:
        """Return, by topic and partition, at which offset the records begin that events are counted and rejected by."""
        topics = self._settings.counted_topic, self._settings.rejected_topic
        return {topic: self._topics.starts(topic) for topic in topics}

    def listed(self, asked: Asked) -> Iterator[Listed]:
        """Yield the records of a question, those of an input partition in the order of their offsets."""
        scope, topic = asked.scope, self._settings.counted_topic
        partitions = self._topics.wanted(topic)
        self._check_ends(asked)
        finder = CustomerFinder(self._settings.event_rules, scope.customer, months_of(scope, self._calendar))
        places = self._rejected_places(finder)
        self._display.begin(self._topics.starts(topic), scope.ends)
        with scratch_database() as database:
            fates = FateFinder(database, finder.lister, self._settings.dedup_window_days)
            for block in InputScan(self._settings, partitions, scope.ends, self._display).blocks():
                yield from filter(scope.holds, fates.listed(list(finder.found(block, self._now_ms, places))))

    def _counted_sums(self, customer: str) -> CountedSums:
        topic = self._settings.subtotals_topic
        self._topics.wanted(topic)
        sums = CountedSums(customer)
        finders = KeyFinder("customer|", f"|{customer}"), KeyFinder("progress|")
        with TopicScan(self._settings, self._topics, topic, self._display) as scan:
            # Twice: a record that was compacted away while the first was under way has a newer one by now.
            for _ in range(2):
                for block in scan.to_now():
                    for index in sorted([index for finder in finders for index in finder.positions(block)]):
                        sums.read(block.key(index) or b"", block.value(index) or b"")
        return sums

    def _ask_invoice(self, number: str, month: str) -> Asked:
        named = self._ledger_values(KeyFinder(f"invoice|{month}|"), number.encode())
        invoice = find_invoice(number, named)
        if invoice is None:
            raise OperatorError(f"there is no invoice {number} in {self._settings.invoices_topic}")
        return ask_invoice(invoice, self._before(invoice))

    def _before(self, invoice: Invoice) -> Invoice | None:
        return invoice_before(invoice, self._ledger_values(KeyFinder("invoice|", f"|{invoice.customer}")))

    def _ledger_values(self, finder: KeyFinder, holding: bytes = b"") -> list[bytes]:
        """Return the ledger's values whose keys are looked for and that hold a text: the newest of each key."""
        topic, values = self._settings.invoices_topic, dict[bytes, bytes]()
        self._topics.wanted(topic)
        with TopicScan(self._settings, self._topics, topic, self._display) as scan:
            for block in scan.to_now():
                for index in finder.positions(block):
                    value = block.value(index)
                    if value and holding in value:
                        values[block.key(index) or b""] = value
        return list(values.values())

    def _check_ends(self, asked: Asked) -> None:
        topic = self._settings.counted_topic
        ends = self._topics.ends(topic)
        for partition, end in asked.scope.ends.items():
            if end > ends.get(partition, 0):
                raise OperatorError(
                    f"{topic}[{partition}] ends at offset {ends.get(partition, 0)}, but the number counts up to {end}: "
                    f"the input was made anew or is another; see {ANEW_RUNBOOK}"
                )

    def _rejected_places(self, finder: CustomerFinder) -> RejectedPlaces:
        places, settings = RejectedPlaces(), self._settings
        with TopicScan(settings, self._topics, settings.rejected_topic, self._display) as scan:
            for block in scan.to_now():
                finder.note_rejected(block, self._now_ms, places, settings.input_topic)
        return places

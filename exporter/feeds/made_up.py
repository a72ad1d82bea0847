"""A made-up business: what happens in each hour follows from the seed and the hour alone."""

from dataclasses import dataclass
from random import Random

from billing.local_time import MS_PER_HOUR
from billing.period import MonthCalendar

CUSTOMERS = (
    "Alice", "Bob", "Charlie", "Dana", "Emil", "Frieda", "Gustav", "Hanna", "Ines", "Jonas",
    "Müller & Söhne", "Nordwind AG", "Ozean GmbH", "Papier/Presse", "Quelle KG", "Radio 7",
    "Smith, Jones Ltd", "Tee-Import", "Ufer Café", "Viktoria",
)  # fmt: skip
EVENTS_PER_HOUR = 3_600
PARTITIONS = 4
_MICROS_PER_HUNDREDTH = 10_000

# What an average event costs in hundredths, by the place of its type; further types cost like the last one.
_PRICES = (9, 120, 45, 990, 1_990)


@dataclass(frozen=True)
class Sale:
    """Events of one customer and type in one hour: how many, and for how much."""

    customer: int
    type: str
    micros: int
    count: int


class Business:
    """Draws sales.

    Args:
        seed: the same seed makes the same business.
        types: the event types.
    """

    def __init__(self, seed: int, types: tuple[str, ...]) -> None:
        self._seed = seed
        self._types = types

    def hour(self, hour_ms: int) -> list[Sale]:
        """Return the sales of a whole hour."""
        random = self._random("hour", hour_ms)
        busy = _busyness(hour_ms)
        sales = []
        for customer in range(len(CUSTOMERS)):
            for place, name in enumerate(self._types):
                share = EVENTS_PER_HOUR / len(CUSTOMERS) / len(self._types)
                count = int(share * busy * random.uniform(0.4, 1.6) * 2 / (1 + customer / 5))
                hundredths = int(count * _price(place) * random.uniform(0.9, 1.1))
                if count:
                    sales.append(Sale(customer, name, hundredths * _MICROS_PER_HUNDREDTH, count))
        return sales

    def event(self, hour_ms: int, number: int) -> Sale:
        """Return one event of an hour."""
        random = self._random("event", hour_ms, number)
        place = random.randrange(len(self._types))
        customer = min(int(random.expovariate(0.2)), len(CUSTOMERS) - 1)
        micros = int(_price(place) * random.uniform(0.2, 1.8) * _MICROS_PER_HUNDREDTH)
        credit = random.random() < 0.01
        return Sale(customer, self._types[place], -micros if credit else micros, 1)

    def _random(self, *what: object) -> Random:
        return Random(f"{self._seed}:{what}")


def first_hour_ms(calendar: MonthCalendar, now_ms: int, months_back: int = 2) -> int:
    """Return the first hour of the month that lies so many months before the one of `now_ms`."""
    month = calendar.month_of(now_ms)
    for _ in range(months_back):
        month = calendar.month_of(calendar.bounds_ms(month)[0] - 1)
    return max(0, calendar.bounds_ms(month)[0])


def _price(place: int) -> int:
    return _PRICES[min(place, len(_PRICES) - 1)]


def _busyness(hour_ms: int) -> float:
    """Return how busy an hour is: less at night and on weekends."""
    hour, day = hour_ms // MS_PER_HOUR % 24, (hour_ms // MS_PER_HOUR // 24 + 3) % 7
    return (0.3 if hour < 6 or hour > 21 else 1.0) * (0.6 if day > 4 else 1.0)

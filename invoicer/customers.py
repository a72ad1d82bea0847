"""Customers by small numbers: each name is kept once, however many months it has."""


class Customers:
    """Gives each customer a number, from 0 on in the order of first mention."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []

    def __len__(self) -> int:
        return len(self._names)

    def number_of(self, name: str) -> int:
        """Return the number of a customer, a new one at first mention."""
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self._names)
            self._names.append(name)
        return number

    def name_of(self, number: int) -> str:
        """Return the customer that :meth:`number_of` gave a number."""
        return self._names[number]

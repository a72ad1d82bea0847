"""What whoever asks can take: the headers Accept and Accept-Encoding."""


def quality(header: str, name: str) -> float:
    """Return how much `name` is wanted, from 0 (not at all) to 1, by a header of content negotiation.

    Only what is named counts, not ``*``. Of several entries of one name the best one decides: parameters other than
    ``q``, such as a version, make no difference. A ``q`` that cannot be read counts as 0.
    """
    return max((_quality(entry) for entry in header.split(",") if _named(entry) == name), default=0.0)


def wants_page(accept: str) -> bool:
    """Say whether a header Accept is a browser's, which shows pages."""
    return quality(accept, "text/html") > 0


def _named(entry: str) -> str:
    return entry.partition(";")[0].strip().lower()


def _quality(entry: str) -> float:
    for parameter in entry.split(";")[1:]:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            return _number(value.strip())
    return 1.0


def _number(text: str) -> float:
    digits = text.replace(".", "", 1)
    return min(1.0, float(text)) if digits.isascii() and digits.isdigit() else 0.0

"""What must not be shown of settings: passwords, keys and tokens, wherever they stand."""

import re
from collections.abc import Callable, Iterable, Mapping

MASK = "***"

# librdkafka options whose values are secret: passwords and passphrases, keys, tokens, and what may hold any of them.
_SECRET_OPTION = re.compile(
    r"pass|secret|jaas|credential|private|\.key$|\.pem$|oauthbearer\.config|assertion|token(?!\.endpoint)"
)
# Of a URL: what stands between the scheme and the host.
_USER_INFO = re.compile(r"(?<=//)[^/?#\s]*@")
# The same where the scheme is left out: a name and a password, as far as can be told.
_BARE_USER_INFO = re.compile(r"[^/?#\s'\"@,]+:[^/?#\s'\"@,]*@")
_QUOTED = re.compile(r"'[^']{2,}'|\"[^\"]{2,}\"")


# Anything shorter would be found in words that are no secret; so would short pieces of one.
_LEAST_CHARACTERS, _LEAST_OF_PIECE = 4, 6
_PIECES = re.compile(r"[^\s=,;\"']+")


def secrets_of_options(options: Mapping[str, object]) -> list[str]:
    """Return the secrets among librdkafka options: values, and pieces of those that hold several, such as `a=b c=d`."""
    values = [str(value) for name, value in options.items() if _SECRET_OPTION.search(name)]
    pieces = [piece for value in values for piece in _PIECES.findall(value) if len(piece) >= _LEAST_OF_PIECE]
    return [*values, *pieces]


def masker(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return what masks some secrets in any text, wherever it comes from, such as an error of a library."""
    known = sorted({one for one in secrets if len(one) >= _LEAST_CHARACTERS}, key=len, reverse=True)
    if not known:
        return str
    pattern = re.compile("|".join(map(re.escape, known)))
    return lambda text: pattern.sub(MASK, text)


def masked_option(name: str, value: object) -> object:
    """Return the value of a librdkafka option as it may be shown."""
    return MASK if _SECRET_OPTION.search(name) else masked_text(value)


def masked_text(value: object) -> object:
    """Return a value with the user names and passwords of the URLs in it masked; others as they are."""
    if not isinstance(value, str):
        return value
    return _BARE_USER_INFO.sub(f"{MASK}@", _USER_INFO.sub(f"{MASK}@", value))


def has_user_info(url: str) -> bool:
    """Say whether a URL carries a user name or a password."""
    return _USER_INFO.search(url) is not None


def without_quotes(text: str) -> str:
    """Return a parser's message without what it quotes of the text."""
    return _QUOTED.sub("...", text)

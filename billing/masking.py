"""What must not be shown of settings: passwords, keys and tokens, wherever they stand."""

import re

MASK = "***"

# librdkafka options whose values are secret: passwords and passphrases, keys, tokens, and what may hold any of them.
_SECRET_OPTION = re.compile(
    r"pass|secret|jaas|credential|private|\.key$|\.pem$|oauthbearer\.config|assertion|token(?!\.endpoint)"
)
# Of a URL: what stands between the scheme and the host.
_USER_INFO = re.compile(r"(?<=//)[^/?#\s]*@")
_QUOTED = re.compile(r"'[^']{2,}'|\"[^\"]{2,}\"")


def masked_option(name: str, value: object) -> object:
    """Return the value of a librdkafka option as it may be shown."""
    return MASK if _SECRET_OPTION.search(name) else masked_text(value)


def masked_text(value: object) -> object:
    """Return a value with the user names and passwords of the URLs in it masked; others as they are."""
    return _USER_INFO.sub(f"{MASK}@", value) if isinstance(value, str) else value


def has_user_info(url: str) -> bool:
    """Say whether a URL carries a user name or a password."""
    return _USER_INFO.search(url) is not None


def without_quotes(text: str) -> str:
    """Return a parser's message without what it quotes of the text."""
    return _QUOTED.sub("...", text)

"""Whether a token is taken: its text, its key, its signature and its claims, in this order."""

from billing.access.token_keys import KeySet, check_signature
from billing.access.token_rules import Admitted, TokenRules, admit
from billing.access.token_text import Refusal, RefusedTokenError, read_token


def check_token(text: str, keys: KeySet, rules: TokenRules, now_seconds: float) -> Admitted:
    """Return who has a token.

    Args:
        text: the token.
        keys: of the provider.
        rules: what the token must keep to.
        now_seconds: since 1970.

    Raises:
        RefusedTokenError: it is not taken; `unknown_key` if newer keys of the provider may have the right one.
    """
    token = read_token(text)
    if token.algorithm not in rules.algorithms:
        raise RefusedTokenError(Refusal.ALGORITHM)
    candidates = keys.find(token)
    if not candidates:
        raise RefusedTokenError(Refusal.UNKNOWN_KEY)
    check_signature(token, candidates)
    return admit(token.claims, rules, now_seconds)

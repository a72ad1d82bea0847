"""Signs webhooks after the Standard Webhooks specification, https://www.standardwebhooks.com."""

import hmac
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from billing.errors import OperatorError
from billing.settings import Settings
from billing.webhook_secret import parse_secret


class Signer:
    """Signs with each of some keys, so that a receiver that knows one of them accepts while keys are changed.

    Args:
        keys: at least one.
    """

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys = list(keys)

    def headers(self, message_id: str, timestamp_seconds: int, body: bytes) -> dict[str, str]:
        """Return the headers that say who a message is from, which it is, and when it was sent.

        Args:
            message_id: the same at each sending of the same message.
            timestamp_seconds: when this try begins, since 1970.
            body: what is sent, byte for byte.
        """
        signed = f"{message_id}.{timestamp_seconds}.".encode() + body
        signatures = (b64encode(hmac.digest(key, signed, sha256)).decode() for key in self._keys)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp_seconds),
            "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
        }


def signer_of(settings: Settings) -> Signer:
    """Return a signer with the secrets of the settings and of the file that these name, one secret per line.

    Raises:
        OperatorError: there is none, or the file can't be read, or holds something else. No secret is shown.
    """
    secrets = list(settings.webhook_secret)
    if settings.webhook_secret_file:
        secrets += _lines(Path(settings.webhook_secret_file))
    if not secrets:
        raise OperatorError(
            "no secret to sign webhooks with: set webhook_secret_file, or webhook_secret, see docs/budgets.md"
        )
    try:
        return Signer([parse_secret(secret) for secret in secrets])
    except ValueError as error:
        raise OperatorError(f"webhook_secret_file {settings.webhook_secret_file}: {error}") from None


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text("ascii").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not ASCII"
        raise OperatorError(f"webhook_secret_file {path}: {why}") from None

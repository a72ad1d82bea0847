"""Makes what is missing or due, and hands each holder its own: again and again, with the same outcome."""

import base64
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime

import bcrypt

from billing.access.keys import Key
from billing.access.principal import Principal
from billing.access.secret_key import hash_of, new_key
from billing.errors import OperatorError
from billing.runtime.access.keys_editing import KeysEditor
from billing.runtime.access.keys_file import read_keys
from billing.runtime.logs import get_logger
from qb.secrets.certificates import Pair, check_pair, is_authority_due, is_server_due, new_authority, sign
from qb.secrets.folders import Handing, Store
from qb.secrets.holders import (
    ADMIN_PASSWORD_FILE,
    AUTHORITY_FILE,
    BEARER_FILE,
    CERTIFICATE_FILE,
    GRAFANA,
    KEY_FILE,
    KEYS_FILE,
    PARTS,
    PROMETHEUS,
    PROMETHEUS_PASSWORD_FILE,
    PROMETHEUS_READERS,
    SCOPES,
    WEB_CONFIG,
    WEB_CONFIG_FILE,
    Holder,
)

logger = get_logger(__name__)

_PASSWORD_BYTES = 24
# The least there is: nobody finds 192 random bits by trying, however fast that goes.
_BCRYPT_COST = 4
_SECOND_MS = 1_000
_CERTIFICATE_BEGINS = b"-----BEGIN CERTIFICATE-----"


class Handout:
    """The secrets of a deployment.

    Args:
        store: what has been made.
        handing: hands out.
        now: with a time zone.
    """

    def __init__(self, store: Store, handing: Handing, now: Callable[[], datetime]) -> None:
        self._store, self._handing, self._now = store, handing, now

    def renew(self) -> None:
        """Make what is missing or due, and hand out what is new.

        Raises:
            OperatorError: a file cannot be read or written.
        """
        authority = self._authority()
        for name in SCOPES:
            self._bearer(name)
        keys = (self._store.folder / KEYS_FILE).read_bytes()
        for part in PARTS:
            self._hand(part, {**self._server(part, authority), WEB_CONFIG_FILE: WEB_CONFIG.encode(), KEYS_FILE: keys})
        self._hand(PROMETHEUS, {**self._server(PROMETHEUS, authority), **self._of_prometheus()})
        self._hand(GRAFANA, {AUTHORITY_FILE: authority.certificate, **self._of_grafana()})

    def _authority(self) -> Pair:
        found = self._pair("authority")
        if found is not None and not is_authority_due(found, self._now()):
            return found
        return self._keep_pair("authority", new_authority(self._now()))

    def _server(self, holder: Holder, authority: Pair) -> Mapping[str, bytes]:
        """Return the files of a holder's TLS."""
        found = self._pair(holder.name)
        if found is None or is_server_due(found, authority, holder.hosts, self._now()):
            found = self._keep_pair(holder.name, sign(authority, holder.hosts, self._now()))
        return {CERTIFICATE_FILE: found.certificate, KEY_FILE: found.key, AUTHORITY_FILE: authority.certificate}

    def _of_prometheus(self) -> Mapping[str, bytes]:
        web_config = self._store.once("prometheus-web-config.yml", self._web_config_of_prometheus)
        return {
            BEARER_FILE: self._bearer(PROMETHEUS.name),
            PROMETHEUS_PASSWORD_FILE: self._password(PROMETHEUS.name),
            WEB_CONFIG_FILE: web_config,
        }

    def _of_grafana(self) -> Mapping[str, bytes]:
        return {
            BEARER_FILE: self._bearer(GRAFANA.name),
            PROMETHEUS_PASSWORD_FILE: self._password(GRAFANA.name),
            ADMIN_PASSWORD_FILE: self._store.once("grafana-admin-password", _new_password),
        }

    def _web_config_of_prometheus(self) -> str:
        """Return who may ask Prometheus: it knows passwords, and no keys."""
        passwords = {one.name: self._password(one.name) for one in PROMETHEUS_READERS}
        users = "".join(f"  {name}: {_bcrypt(password)}\n" for name, password in passwords.items())
        return f"{WEB_CONFIG}basic_auth_users:\n{users}"

    def _password(self, user: str) -> bytes:
        return self._store.once(f"{user}-prometheus-password", _new_password)

    def _bearer(self, name: str) -> bytes:
        """Return a holder's key; a new one if it is not among the keys, as after `qb keys revoke`."""
        path, file = self._store.folder / KEYS_FILE, f"{name}-key"
        listed = read_keys(path).by_name.get(name) if path.exists() else None
        kept = self._store.find(file)
        if kept is not None and listed is not None and listed.hash == hash_of(kept.decode()):
            return kept
        if listed is not None:
            KeysEditor(path).remove(name)
        made = new_key()
        # First it is kept: a key that is listed and that nobody has would be taken back the next time.
        self._store.keep(file, made.encode())
        now_ms = int(self._now().timestamp()) * _SECOND_MS
        KeysEditor(path).add(Key(hash_of(made), Principal.of(name, [SCOPES[name]]), now_ms))
        return made.encode()

    def _pair(self, name: str) -> Pair | None:
        found = self._store.find(f"{name}.pem")
        if found is None:
            return None
        key, begin, certificate = found.partition(_CERTIFICATE_BEGINS)
        pair = Pair(begin + certificate, key)
        try:
            check_pair(pair)
        except ValueError as error:
            raise OperatorError(
                f"{self._store.folder / f'{name}.pem'} cannot be used: {error}; mend it, or delete it to have it "
                "made anew"
            ) from None
        return pair

    def _keep_pair(self, name: str, pair: Pair) -> Pair:
        # In one file, so that no two of different pairs are left when this ends halfway.
        self._store.keep(f"{name}.pem", pair.key + pair.certificate)
        logger.info("certificate made", name=name)
        return pair

    def _hand(self, holder: Holder, files: Mapping[str, bytes]) -> None:
        new = [name for name, content in files.items() if self._handing.hand(holder.name, holder.user, name, content)]
        if new:
            logger.info("handed out", holder=holder.name, files=",".join(new))


def _bcrypt(password: bytes) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(_BCRYPT_COST)).decode()


def _new_password() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(_PASSWORD_BYTES)).decode()

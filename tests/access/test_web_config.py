"""The web config file: what it says is taken as prometheus/exporter-toolkit takes it, and what is wrong is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.access.go_text import CIPHER_SUITES, parse_duration
from billing.access.web_config import ClientAuth, RateLimit, TlsConfig, WebConfig, parse_web_config

HASH = "$2y$10$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq"
PAIR = "cert_file: a.crt, key_file: a.key"


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("", WebConfig()),
        ("tls_server_config:\nbasic_auth_users: ~\nhttp_server_config: {}\n", WebConfig()),
        ("tls_server_config: {min_version: TLS13}", WebConfig()),
        (f"tls_server_config: {{{PAIR}}}", WebConfig(TlsConfig("a.crt", "a.key"))),
        (
            f"""
tls_server_config:
  {{{PAIR}, client_auth_type: RequireClientCert, min_version: TLS10, max_version: TLS12,
    prefer_server_cipher_suites: false, curve_preferences: [X25519], cipher_suites: [TLS_AES_128_GCM_SHA256]}}
http_server_config: {{http2: off}}
""",
            WebConfig(
                TlsConfig(
                    "a.crt",
                    "a.key",
                    client_auth=ClientAuth.REQUIRE_ANY,
                    min_version="TLS10",
                    max_version="TLS12",
                    cipher_suites=("TLS_AES_128_GCM_SHA256",),
                    curves=("X25519",),
                )
            ),
        ),
        (
            f"""
tls_server_config:
  {{{PAIR}, client_auth_type: RequireAndVerifyClientCert, client_ca: PEM, client_allowed_sans: []}}
""",
            WebConfig(
                TlsConfig(
                    "a.crt",
                    "a.key",
                    client_auth=ClientAuth.REQUIRE_AND_VERIFY,
                    client_ca="PEM",
                    client_allowed_sans=(),
                )
            ),
        ),
        ("http_server_config: {headers: {X-XSS-Protection: 1}}", WebConfig(headers={"X-XSS-Protection": "1"})),
        (f"basic_auth_users: {{'1': {HASH}, no: {HASH}}}", WebConfig(users={"1": HASH, "no": HASH})),
        ("rate_limit: {interval: 1s, burst: 20}", WebConfig(rate_limit=RateLimit(1.0, 20))),
        ("rate_limit: {interval: 0, burst: 0}", WebConfig()),
        ("rate_limit: {interval: 250000000}", WebConfig(rate_limit=RateLimit(0.25, 0))),
    ],
)
def test_what_it_says(text: str, config: WebConfig) -> None:
    """With the toolkit's defaults."""
    assert parse_web_config(text) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not YAML"),
        ("text", "the file: expected a map"),
        ("[a]", "the file: expected a map"),
        ("tls_server_config: []", "tls_server_config: expected a map"),
        ("tls_config: {}", "there is no key 'tls_config'; did you mean tls_server_config?"),
        ("{rate_limit: {}, rate_limit: {}}", "'rate_limit' stands twice"),
        ("basic_auth_users: {a: b, a: b}", "'a' stands twice"),
        ("tls_server_config: {cert_filse: a}", "config: there is no key 'cert_filse'; did you mean cert_file?"),
        ("tls_server_config: {cert_file: [a]}", "tls_server_config: cert_file: expected text"),
        ("tls_server_config: {cert_file: a}", "missing one of key or key_file"),
        ("tls_server_config: {key_file: a}", "missing one of cert or cert_file"),
        ("tls_server_config: {client_ca_file: a}", "missing one of cert or cert_file"),
        (f"tls_server_config: {{{PAIR}, client_ca_file: a}}", "client_ca_file needs client_auth_type"),
        (f"tls_server_config: {{{PAIR}, client_allowed_sans: [a]}}", "client_allowed_sans needs client_auth_type"),
        ("tls_server_config: {client_allowed_sans: [a]}", "client_allowed_sans is of no use without cert_file"),
        (f"tls_server_config: {{{PAIR}, client_auth_type: Always}}", "client_auth_type: 'Always' is none of"),
        (f"tls_server_config: {{{PAIR}, min_version: TLS1.2}}", "min_version: 'TLS1.2' is none of TLS10, TLS11, TLS12"),
        (f"tls_server_config: {{{PAIR}, min_version: TLS13, max_version: TLS12}}", "min_version TLS13 is newer"),
        (f"tls_server_config: {{{PAIR}, cipher_suites: TLS_AES_128_GCM_SHA256}}", "cipher_suites: expected a list"),
        (f"tls_server_config: {{{PAIR}, cipher_suites: [RC4]}}", "cipher_suites: 'RC4' is none of"),
        (f"tls_server_config: {{{PAIR}, curve_preferences: [P256]}}", "'P256' is none of CurveP256, CurveP384"),
        (f"tls_server_config: {{{PAIR}, prefer_server_cipher_suites: 1}}", "expected true or false"),
        (
            f"tls_server_config: {{{PAIR}, cipher_suites: [TLS_AES_128_GCM_SHA256]}}",
            "cipher_suites lacks TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ),
        ("http_server_config: {headers: {x-frame-options: deny}}", "x-frame-options can not be set"),
        ("http_server_config: {headers: {X-Frame-Options: DENY}}", "must be deny or sameorigin"),
        ('http_server_config: {headers: {X-XSS-Protection: "1\\r\\nA: b"}}', "a character that no header may have"),
        ("rate_limits: 1", "there is no key 'rate_limits'; did you mean rate_limit?"),
        ("rate_limit: {interval: soon}", "rate_limit: interval: not a duration"),
        ("rate_limit: {burst: many}", "rate_limit: burst: expected a whole number"),
        *((f"basic_auth_users: {{john: '{one}'}}", "stands for 'john' is no bcrypt hash") for one in (
            "", "doe", HASH[:-1], HASH + "a", HASH.replace("$10$", "$03$"), HASH.replace("$10$", "$32$"),
        )),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    """The key, and what it may be instead."""
    with pytest.raises(ValueError, match=r".") as refused:
        parse_web_config(text)
    assert message in str(refused.value)


def told(text: str) -> str:
    """What is printed of a file, or said against it."""
    try:
        return repr(parse_web_config(text))
    except ValueError as error:
        return str(error)


@given(st.sampled_from(["key", "basic_auth_users", "junk"]), st.sampled_from([":", "[", "\n", "- ", '"', "\t", ""]))
def test_no_message_repeats_a_secret(name: str, junk: str) -> None:
    """Nor does what is printed of a good one."""
    for text in (
        f"tls_server_config: {{{name}: [canary]}}",
        f"basic_auth_users: {{canary-free: canary{junk}}}",
        f"tls_server_config:\n  key: canary{junk}canary\n{junk}",
    ):
        assert "canary" not in told(text).replace("canary-free", "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("1m30s", 90), ("1.5h", 5_400), ("250ms", 0.25), ("0", 0), ("-1s", -1), ("7us", 7e-6), (".5s", 0.5)],
)
def test_durations(text: str, seconds: float) -> None:
    """As Go writes them."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "1", "1 s", "1d", "1s1", "1,5s", "s1"])
def test_what_is_no_duration(text: str) -> None:
    """A bare number is nanoseconds, as Go takes it from YAML."""
    if text == "1":
        assert parse_duration(text) == 1e-9
        return
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


def test_every_suite_of_tls_1_2_has_a_name_in_openssl() -> None:
    """And those of TLS 1.3 need none."""
    assert [name for name, ours in CIPHER_SUITES.items() if ours is None] == list(CIPHER_SUITES)[:3]

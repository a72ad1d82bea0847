"""The keys file holds hashes alone, is read strictly, and finds who has a key."""

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from billing.access.keys import Key, Keys, format_keys, parse_keys
from billing.access.principal import Principal
from billing.access.secret_key import RANDOM_LETTERS, hash_of, is_key, new_key

HASH = "sha256:" + "0" * 64
NOW_MS = 1_800_000_000_000
KEY, OTHER = new_key(), new_key()

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", fullmatch=True)
CUSTOMERS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
SCOPES = st.lists(
    st.sampled_from(["admin", "read", "metrics"]) | CUSTOMERS.map("customer:{}".format), min_size=1, max_size=4
)
TIMES_MS = st.none() | st.integers(0, 4_000_000_000_000)


def keys_of(*keys: tuple[str, str, list[str], int | None]) -> Keys:
    return Keys(Key(hash_of(text), Principal.of(name, scopes), 0, expires) for name, text, scopes, expires in keys)


def test_a_key_is_recognised_and_no_other() -> None:
    """By its beginning, its length and its checksum, as the expression for scanners in the docs says."""
    assert re.fullmatch("qbk_[0-9A-Za-z]{46}", KEY)
    assert is_key(KEY)
    assert KEY != OTHER
    assert RANDOM_LETTERS * 5.95 > 128
    changed = [KEY[:at] + ("a" if KEY[at] != "a" else "b") + KEY[at + 1 :] for at in range(len(KEY))]
    for text in ["", "qbk_", KEY[:-1], KEY + "a", f" {KEY}", KEY.upper(), KEY.lower(), f"{KEY[:-1]}é", *changed]:
        assert not is_key(text), text


def test_the_owner_of_a_key_is_found() -> None:
    """Until it expires, which is at that very millisecond."""
    keys = keys_of(("a", KEY, ["read"], None), ("b", OTHER, ["customer:Bob"], NOW_MS))
    assert keys.owner(KEY, NOW_MS) == Principal.of("a", ["read"])
    assert keys.owner(OTHER, NOW_MS - 1) == Principal.of("b", ["customer:Bob"])
    assert keys.owner(OTHER, NOW_MS) is None
    for text in (new_key(), hash_of(KEY), hash_of(KEY).removeprefix("sha256:"), "a", ""):
        assert keys.owner(text, 0) is None


@given(st.lists(st.tuples(NAMES, SCOPES, TIMES_MS, TIMES_MS), max_size=5, unique_by=lambda one: one[0]))
def test_what_is_written_is_read_back(made: list[tuple[str, list[str], int | None, int | None]]) -> None:
    """Whatever the names of customers, and names of keys that YAML takes for numbers, times or nothing."""
    keys = Keys(
        Key(hash_of(str(number)), Principal.of(name, scopes), created, expires)
        for number, (name, scopes, created, expires) in enumerate(made)
    )
    assert parse_keys(format_keys(keys)).by_name == keys.by_name


@pytest.mark.parametrize("name", ["null", "1", "1e3", "yes", "2026-11-26", "no", "0x1"])
def test_names_that_yaml_has_other_ideas_of(name: str) -> None:
    """They are text."""
    keys = Keys([Key(HASH, Principal.of(name, ["read"]))])
    assert list(parse_keys(format_keys(keys)).by_name) == [name]


def test_no_key_stands_in_the_file() -> None:
    """Only what nobody can make it from."""
    text = format_keys(keys_of(("a", KEY, ["read"], None)))
    assert KEY not in text
    assert KEY[4:20] not in text
    assert yaml.safe_load(text)["keys"]["a"]["hash"] == hash_of(KEY)


def test_a_file_written_by_hand() -> None:
    """As docs/access.md shows it: dates, times, a file without keys."""
    text = f"""
    keys:
      scraper: {{hash: {HASH}, scopes: [metrics]}}
      bob:
        hash: {HASH[:-1]}1
        scopes: [customer:Bob, 'customer:A, b']
        created: 2026-11-26T12:00:00Z
        expires: 2027-11-26
    """
    keys = parse_keys(text).by_name
    assert keys["bob"].principal.customers == {"Bob", "A, b"}
    assert (keys["bob"].created_ms, keys["bob"].expires_ms) == (1_795_694_400_000, 1_827_187_200_000)
    assert (keys["scraper"].created_ms, keys["scraper"].expires_ms) == (None, None)
    assert parse_keys("").by_name == parse_keys("keys:").by_name == parse_keys("keys: {}").by_name == {}


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("hash: x, scopes: [read]", "hash: expected sha256: and 64 digits"),
        pytest.param(f"hash: {KEY}, scopes: [read]", "hash: expected sha256: and 64 digits", id="a key itself"),
        (f"hash: {HASH.upper()}, scopes: [read]", "hash: expected sha256: and 64 digits"),
        ("scopes: [read]", "hash: expected sha256: and 64 digits"),
        (f"hash: {HASH}", "scopes: expected a list of at least one"),
        (f"hash: {HASH}, scopes: []", "scopes: expected a list of at least one"),
        (f"hash: {HASH}, scopes: read", "scopes: expected a list of texts"),
        (f"hash: {HASH}, scopes: [customer: Bob]", "quote those with a space or a colon: ['customer:NAME']"),
        (f"hash: {HASH}, scopes: [reed]", "'reed' is no scope; allowed are admin, read, metrics, customer:NAME"),
        (f"hash: {HASH}, scopes: ['customer:']", "'customer:' is no scope"),
        (f"hash: {HASH}, scope: [read], scopes: [read]", "there is no key 'scope'; did you mean scopes?"),
        (f"hash: {HASH}, scopes: [read], expires: soon", "expires: 'soon' is neither"),
        (f"hash: {HASH}, scopes: [read], expires: 2027-01-01 12:00:00", "has no offset"),
        (f"hash: {HASH}, scopes: [read], created: [1]", "created: expected text"),
        (f"hash: {HASH}, hash: {HASH}, scopes: [read]", "'hash' stands twice"),
    ],
)
def test_a_fault_is_told_by_its_place(entry: str, told: str) -> None:
    """In one line, without a hash or a key in it."""
    with pytest.raises(ValueError, match=re.escape(told)) as refused:
        parse_keys(f"keys:\n  some: {{{entry}}}\n")
    message = str(refused.value)
    assert "\n" not in message
    assert not [secret for secret in (HASH, HASH.upper(), KEY) if secret in message]
    if "twice" not in told:
        assert message.startswith("keys: some: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kees: {}", "there is no key 'kees'; did you mean keys?"),
        ("keys: [a]", "keys: expected a map"),
        ("[]", "the file: expected a map"),
        ("keys: {a/b: {}}", "'a/b' is no name of a key"),
        ("keys: {a: 1}", "keys: a: expected a map"),
        ("keys: {a: {}, a: {}}", "'a' stands twice"),
        ("keys: {", "not YAML"),
        (
            f"keys: {{a: {{hash: {HASH}, scopes: [read]}}, b: {{hash: {HASH}, scopes: [read]}}}}",
            "b: hash: a has the same",
        ),
    ],
)
def test_a_file_that_is_none_is_refused(text: str, told: str) -> None:
    """Never taken for one without keys."""
    with pytest.raises(ValueError, match=re.escape(told)):
        parse_keys(text)

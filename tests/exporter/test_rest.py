"""The REST paths answer with the shapes of the design, to the micro."""

import csv
import io
from collections.abc import Iterator

import pytest

from tests.exporter.client import Client
from tests.exporter.world import CHARLIE_MS, FEBRUARY_MS, World, charlie, two_months


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with two_months().served() as client:
        yield client


def test_one_customer_has_the_shape_of_the_design() -> None:
    """Exactly the document that the design shows."""
    with charlie().served() as client:
        assert client.ok("/customers/Charlie?month=2017-02") == {
            "customer": "Charlie",
            "month": "2017-02",
            "total": "199.990000",
            "totalEur": "199.99",
            "currency": "EUR",
            "count": 1,
            "types": {"MISC": {"total": "199.990000", "count": 1}},
            "status": "open",
            "as_of": "2017-02-26T21:00:55Z",
        }


def test_one_type_has_the_shape_of_the_design() -> None:
    """The first field is `type`, and there is no `types`."""
    with charlie().served() as client:
        document = client.ok("/types/misc")
        assert list(document) == ["type", "month", "total", "totalEur", "currency", "count", "status", "as_of"]
        assert (document["type"], document["total"], document["month"]) == ("MISC", "199.990000", "2017-02")


def test_partial_sums_of_all_input_partitions_are_added(client: Client) -> None:
    """Charlie's charge came through one partition and his credit through another."""
    document = client.ok("/customers/Charlie?month=2017-02")
    assert (document["total"], document["count"]) == ("189.990000", 2)


def test_the_default_month_is_the_newest_with_data_for_the_key() -> None:
    """Dora has nothing in February, so hers is January."""
    world = World()
    world.event("Dora", 1_000_000, "CALL", FEBRUARY_MS - 1)
    world.event("Charlie", 1_000_000)
    with world.ready().served() as client:
        assert client.ok("/customers/Dora")["month"] == "2017-01"
        assert client.ok("/types/CALL")["month"] == "2017-01"
        assert client.ok("/customers")["month"] == "2017-02"
        assert client.ok("/customers?type=call")["month"] == "2017-01"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/customers/Nobody", "unknown_customer"),
        ("/customers/Charlie?month=2017-01", "unknown_customer"),
        ("/customers?month=2019-01", "unknown_month"),
        ("/types?month=2019-01", "unknown_month"),
        ("/types/NONE", "unknown_type"),
        ("/types/PACK", "unknown_type"),
        ("/types/CALL?month=2019-01", "unknown_type"),
        ("/invoices/Nobody/2017-01", "unknown_invoice"),
        ("/invoices/Charlie/2017-01", "unknown_invoice"),
        ("/api/v1/overview?month=2019-01", "unknown_month"),
        ("/api/v1/customers?month=2019-01", "unknown_month"),
    ],
)
def test_what_has_no_events_is_not_found(client: Client, path: str, code: str) -> None:
    """A customer, type or month without events is a 404 that says which."""
    answer = client.get(path)
    assert (answer.status, answer.json["error"]["code"]) == (404, code)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/customers?month=2017-13", "month"),
        ("/customers/Charlie?month=17-1", "month"),
        ("/invoices/Charlie/17-1", "month"),
        ("/customers?limit=0", "limit"),
        ("/customers?limit=ten", "limit"),
        ("/customers?limit=10001", "limit"),
        ("/customers?limit=%D9%A1", "limit"),
        ("/customers?type=NONE", "type"),
        ("/customers?sort=name", "sort"),
        ("/customers?format=xml", "format"),
        ("/customers?cursor=abc", "cursor"),
        ("/customers?cursor=%C3%A4", "cursor"),
        ("/customers?month=2017-02&month=2017-01", "month"),
        ("/customers?moth=2017-02", "moth"),
        ("/invoices?cursor=x", "cursor"),
        ("/api/v1/hours?from=yesterday", "from"),
        (f"/customers?prefix={'x' * 201}", "prefix"),
    ],
)
def test_a_bad_parameter_is_named(client: Client, path: str, field: str) -> None:
    """What cannot be read is a 400 that names the field, a misspelt one included."""
    answer = client.get(path)
    assert (answer.status, answer.json["error"]["code"], answer.json["error"]["field"]) == (400, "bad_parameter", field)


def test_lists_are_sorted_and_filtered(client: Client) -> None:
    """Highest first, most events first, by name, one type alone, one prefix alone."""
    assert names(client, "/customers") == ["Charlie", "Bob", "Alice"]
    assert names(client, "/customers?sort=count") == ["Alice", "Bob", "Charlie"]
    assert names(client, "/customers?sort=customer") == ["Alice", "Bob", "Charlie"]
    assert names(client, "/customers?type=data") == ["Bob", "Alice"]
    assert names(client, "/customers?type=data&sort=customer") == ["Alice", "Bob"]
    assert names(client, "/customers?prefix=B") == ["Bob"]
    assert names(client, "/customers?prefix=A&sort=total") == ["Alice"]
    assert names(client, "/customers?prefix=b") == []
    assert names(client, "/customers?limit=1") == ["Charlie"]


def test_a_list_of_one_type_counts_that_type_alone(client: Client) -> None:
    """Total, count and types are the type's."""
    bob, alice = client.ok("/customers?type=DATA")["customers"]
    assert (bob["total"], bob["count"], bob["types"]) == ("60.000003", 3, {"DATA": {"total": "60.000003", "count": 3}})
    assert alice["total"] == "6.750000"


def test_types_and_months_add_up(client: Client) -> None:
    """The sum over customers is the sum over types is the month's total."""
    types = client.ok("/types")["types"]
    assert [one["type"] for one in types] == ["MESSAGE", "DATA", "CALL", "PACK", "MISC"]
    january, february = client.ok("/months")["months"]
    assert (january["month"], january["status"], february["status"]) == ("2017-01", "final", "open")
    assert february["total"] == "261.240003"
    assert sum(micros(one) for one in types) == micros(february)
    assert sum(micros(one) for one in client.ok("/customers")["customers"]) == micros(february)
    assert sum(one["count"] for one in types) == february["count"] == 11


@pytest.mark.parametrize("sort", ["total", "count", "customer"])
@pytest.mark.parametrize("extra", ["", "&type=CALL", "&prefix=cus"])
def test_pages_are_the_whole_list(sort: str, extra: str) -> None:
    """Page by page there is each row once, in the order of the whole list."""
    world = World()
    for number in range(23):
        world.event(
            f"customer-{number:02d}", 1_000_000 * (number % 5), "CALL", partition=number % 4, count=1 + number % 3
        )
    with world.ready().served() as client:
        whole = names(client, f"/customers?sort={sort}{extra}")
        assert len(whole) == 23
        paged, cursor = [], ""
        while True:
            page = client.ok(f"/customers?limit=5&sort={sort}{extra}{cursor}")
            paged += [one["customer"] for one in page["customers"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert paged == whole


def test_a_cursor_stands_for_its_list(client: Client) -> None:
    """The month comes with it, and a parameter that contradicts it is refused."""
    cursor = client.ok("/customers?limit=1&month=2017-01&sort=total")["next"]
    page = client.ok(f"/customers?cursor={cursor}")
    assert (page["month"], names_of(page)) == ("2017-01", ["Bob"])
    answer = client.get(f"/customers?cursor={cursor}&month=2017-02")
    assert (answer.status, answer.json["error"]["field"]) == (400, "month")


def test_rows_that_stay_are_neither_missed_nor_repeated_while_totals_move() -> None:
    """The page after the cursor begins behind the place where the page before ended."""
    world = World()
    for number in range(6):
        world.event(f"c{number}", 1_000_000 * (10 - number))
    with world.ready().served() as client:
        first = client.ok("/customers?limit=3")
        world.event("c5", 100_000_000)
        world.commit()
        second = client.ok(f"/customers?limit=3&cursor={first['next']}")
        assert names_of(first) + names_of(second) == ["c0", "c1", "c2", "c3", "c4"]


@pytest.mark.parametrize(
    "name",
    ["a/b", "a b", "Müller & Söhne", "50%", "a?b#c", "%2F", "x/", "/x", "日本", "a+b", ".hidden", "a;b", "{a,b|c}"],
)
def test_any_customer_can_be_asked_for(name: str) -> None:
    """Whatever is in a name, its percent-encoded form finds it."""
    world = World()
    world.event(name, 1_000_000)
    world.ready().close("2017-02", CHARLIE_MS)
    encoded = "".join(f"%{byte:02X}" if not chr(byte).isalnum() or byte > 127 else chr(byte) for byte in name.encode())
    with world.served() as client:
        assert client.ok(f"/customers/{encoded}")["customer"] == name
        assert client.ok(f"/customers/{encoded}/")["customer"] == name
        assert client.ok(f"/invoices/{encoded}/2017-02")["customer"] == name
        assert client.ok(f"/api/v1/subtotals?customer={encoded}")[0]["customer"] == name
        assert names(client, f"/customers?prefix={encoded}") == [name]


def test_a_slash_at_the_end_makes_no_difference(client: Client) -> None:
    """Neither for lists nor for one."""
    assert client.ok("/customers/") == client.ok("/customers")
    assert client.ok("/customers/Bob/") == client.ok("/customers/Bob")
    assert client.ok("/types/") == client.ok("/types")


def test_csv_by_header_and_by_parameter(client: Client) -> None:
    """The same rows as JSON, with the next page in a header."""
    by_header = client.get("/customers", Accept="text/csv")
    by_parameter = client.get("/customers?format=csv")
    assert by_header.body == by_parameter.body
    assert by_header.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(by_header.text, newline="")))
    assert rows[0] == {
        "customer": "Charlie",
        "month": "2017-02",
        "total": "189.990000",
        "totalEur": "189.99",
        "currency": "EUR",
        "count": "2",
        "status": "open",
    }
    assert [row["customer"] for row in rows] == names(client, "/customers")
    link = client.get("/customers?format=csv&limit=1").headers["Link"]
    target = link.removeprefix("<").partition(">")[0]
    assert client.get(target).text.splitlines()[1].startswith("Bob,")
    assert client.get("/customers?format=json", Accept="text/csv").json["customers"]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_csv_runs_no_formulas(name: str) -> None:
    """A name that a spreadsheet would run stands behind an apostrophe; a negative amount stays a number."""
    world = World()
    world.event(name, -1_000_000)
    world.event('quo"te,comma', 1)
    with world.ready().served() as client:
        first, second = list(csv.DictReader(io.StringIO(client.get("/customers?format=csv").text, newline="")))
        assert (first["customer"], second["customer"]) == ('quo"te,comma', f"'{name}")
        assert second["total"] == "-1.000000"


def test_another_currency_has_no_total_eur() -> None:
    """`totalEur` is there only if the currency is EUR."""
    world = World(currency="USD")
    world.event("Charlie", 1_005_000)
    with world.ready().served() as client:
        one = client.ok("/customers/Charlie")
        assert (one["total"], one["currency"], "totalEur" in one) == ("1.005000", "USD", False)
        assert client.get("/customers?format=csv").text.splitlines()[0] == "customer,month,total,currency,count,status"


def test_amounts_beyond_64_bits_stay_exact() -> None:
    """A sum of the largest amounts is right to the micro."""
    world = World()
    for _ in range(50):
        world.event("Charlie", 10**18 - 1)
    with world.ready().served() as client:
        assert client.ok("/customers/Charlie")["total"] == "49999999999999.999950"


def test_nothing_counted_yet_is_known_to_be_nothing() -> None:
    """An empty topic that has been read to its end is no 503: the lists are empty, and one is not found."""
    with World().ready().served() as client:
        assert client.ok("/customers") == {"customers": [], "next": None, "month": None, "as_of": None}
        assert client.ok("/types") == {"types": [], "month": None, "as_of": None}
        assert client.ok("/months") == {"months": [], "as_of": None}
        assert client.ok("/invoices") == {"invoices": [], "next": None, "month": None, "as_of": None}
        assert client.get("/customers/Charlie").status == 404
        assert client.ok("/api/v1/overview")["month"] is None


def test_asking_again_in_vain_is_cheap() -> None:
    """The state is the ETag: 304 until it changes."""
    world = charlie()
    with world.served() as client:
        etag = client.get("/customers/Charlie").headers["ETag"]
        again = client.get("/customers/Charlie", If_None_Match=etag)
        assert (again.status, again.body) == (304, b"")
        world.event("Charlie", 1)
        world.commit()
        assert client.get("/customers/Charlie", If_None_Match=etag).status == 200


def test_head_and_options() -> None:
    """HEAD has the headers of GET and no body, OPTIONS the methods."""
    with charlie().served() as client:
        head = client.request("HEAD", "/customers")
        assert (head.status, head.body, head.headers["X-Billing-As-Of"]) == (200, b"", "2017-02-26T21:00:55Z")
        options = client.request("OPTIONS", "/metrics")
        assert (options.status, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")


def names(client: Client, path: str) -> list[str]:
    return names_of(client.ok(path))


def names_of(page: dict[str, list[dict[str, str]]]) -> list[str]:
    return [one["customer"] for one in page["customers"]]


def micros(document: dict[str, str]) -> int:
    return int(document["total"].replace(".", ""))

"""The rules of Grafana's dashboard-linter, ported, and those that our own mistakes taught."""

import re
from itertools import combinations
from typing import Any

from billing.settings import Settings
from tests.for_each import for_each
from tests.grafana.committed import Json, PlacedPanel, PlacedTarget, dashboards, panels, targets
from tests.promql import check, documented_metrics, interpolate

# All units used, each of them an id that @grafana/data 12.4.10 knows; currency:financial: takes any symbol.
UNITS = frozenset(
    {"none", "locale", "percentunit", "s", "eps", "reqps", "rps", "wps", "bytes", "currencyEUR", "currency:financial:€"}
)
# What the variable `job` cannot be put on: alerts, which have lost it, and recorded series, which have folded it away.
WITHOUT_JOB = re.compile(r"ALERTS|[a-z_]+:.+")
# simpod-json-datasource fails on every other type of variable that stands on a dashboard with it.
SAFE_VARIABLES = {"query", "custom", "constant", "datasource", "interval", "textbox", "adhoc"}
JSON_DATASOURCE = "simpod-json-datasource"

every_dashboard = for_each(dashboards())
every_panel = for_each(panels())
every_prometheus_target = for_each(targets("prometheus"))
every_json_target = for_each(targets(JSON_DATASOURCE))


def variables(board: Json) -> dict[str, Json]:
    """Return a dashboard's variables by name."""
    return {variable["name"]: variable for variable in board["templating"]["list"]}


@every_dashboard
def test_dashboard_can_be_provisioned(name: str) -> None:
    """A fixed uid, no id, nothing that only the import dialogue resolves, and no changing in place."""
    board = dashboards()[name]
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", board["uid"])
    assert "id" not in board
    assert not {"__inputs", "__requires"} & board.keys()
    assert "${DS_" not in str(board)
    assert board["editable"] is False
    assert board["schemaVersion"] == 42


def test_uids_and_titles_are_unique() -> None:
    """No dashboard takes the place of another."""
    for key in ("uid", "title"):
        values = [board[key] for board in dashboards().values()]
        assert len(set(values)) == len(values)


@every_dashboard
def test_dashboard_is_linked_with_the_others(name: str) -> None:
    """Each dashboard carries the tag, and the menu that lists those with the tag."""
    board = dashboards()[name]
    assert board["tags"] == ["billing"]
    assert any(link["type"] == "dashboards" and link["tags"] == ["billing"] for link in board["links"])


def test_links_lead_somewhere() -> None:
    """Every link in a panel leads to a dashboard that exists; the one made of a type does for every type."""
    uids = {board["uid"] for board in dashboards().values()}
    found = set()
    for placed in panels():
        for url in re.findall(r"/d/([^?'\"]+)", str(placed.panel)):
            found.add(url)
            linked = {url.replace("${__value.raw:percentencode}", name) for name in Settings().types}
            assert linked <= uids
    assert {"qb-customer", "qb-type-${__value.raw:percentencode}"} <= found


@every_dashboard
def test_panels_have_unique_ids_and_do_not_overlap(name: str) -> None:
    """Every panel has an id and a place of its own, inside the grid."""
    placed = dashboards()[name]["panels"]
    ids = [panel["id"] for panel in placed]
    assert ids == list(range(1, len(ids) + 1))
    for panel in placed:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    for one, other in combinations(placed, 2):
        assert not overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    """Return whether two places share a cell."""
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or above)


@every_panel
def test_panel_says_what_it_shows(placed: PlacedPanel) -> None:
    """A title, a description in whole sentences, at least one query, and a unit that exists."""
    panel = placed.panel
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["targets"]
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    for override in panel["fieldConfig"]["overrides"]:
        for setting in override["properties"]:
            assert setting["id"] != "unit" or setting["value"] in UNITS | {"dateTimeAsIso"}


@every_panel
def test_overrides_name_fields_that_exist(placed: PlacedPanel) -> None:
    """An override by name speaks of a column or a legend that the panel has."""
    panel = placed.panel
    names = {target.get("legendFormat") for target in panel["targets"]}
    for transformation in panel.get("transformations", []):
        names |= set(transformation["options"].get("renameByName", {}).values())
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["id"] == "byName":
            assert override["matcher"]["options"] in names
        else:
            assert override["matcher"] == {"id": "byType", "options": "number"}


@every_panel
def test_panel_queries_have_one_source_and_their_own_letters(placed: PlacedPanel) -> None:
    """All queries of a panel go to one data source, and each has a refId of its own."""
    panel = placed.panel
    assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
    letters = [target["refId"] for target in panel["targets"]]
    assert len(set(letters)) == len(letters)


@every_panel
def test_thresholds_mean_something(placed: PlacedPanel) -> None:
    """More than one colour means ascending steps from a first that has no value."""
    steps = placed.panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps[0]["value"] is None
    values = [step["value"] for step in steps[1:]]
    assert values == sorted(set(values))


@every_dashboard
def test_json_panels_stand_in_rows_of_their_own(name: str) -> None:
    """A plugin that fails to install costs whole rows, whose heading says so, and nothing else."""
    heading = ""
    for panel in dashboards()[name]["panels"]:
        if panel["type"] == "row":
            heading = panel["title"]
        elif panel["datasource"]["type"] == JSON_DATASOURCE:
            assert heading.endswith("(JSON data source)"), panel["title"]
        else:
            assert not heading.endswith("(JSON data source)"), panel["title"]


@every_dashboard
def test_annotations_touch_only_panels_of_their_own_source(name: str) -> None:
    """Both months' ends are marked, on the panels of the data source that they come from."""
    board = dashboards()[name]
    by_id = {panel["id"]: panel for panel in board["panels"]}
    for annotation in board["annotations"]["list"]:
        if not annotation.get("builtIn"):
            assert annotation["filter"]["exclude"] is False
            assert annotation["filter"]["ids"]
            for panel_id in annotation["filter"]["ids"]:
                assert by_id[panel_id]["datasource"] == annotation["datasource"]


def test_business_dashboards_mark_where_a_month_closes() -> None:
    """Management and type dashboards have a mark on both time axes."""
    for name, board in dashboards().items():
        if name == "management.json" or name.startswith("type-"):
            names = {annotation["name"] for annotation in board["annotations"]["list"]}
            assert {"Month closed", "Month ends"} <= names


@every_dashboard
def test_variables_are_those_that_all_plugins_survive(name: str) -> None:
    """Every variable has a label, a description and a type that simpod-json-datasource knows."""
    for variable in variables(dashboards()[name]).values():
        assert variable["type"] in SAFE_VARIABLES
        assert variable["label"]
        assert variable["description"]


@for_each(name for name in dashboards() if name != "infinity.json")
def test_prometheus_and_job_are_variables(name: str) -> None:
    """Prometheus is chosen by a variable that begins with the provisioned one; the job is any by default."""
    found = variables(dashboards()[name])
    assert found["datasource"]["query"] == "prometheus"
    assert found["datasource"]["current"]["value"] == "prometheus"
    assert found["job"]["multi"]
    assert found["job"]["includeAll"]
    assert found["job"]["allValue"] == ".+"


@every_dashboard
def test_every_variable_used_is_there(name: str) -> None:
    """What a query or a title interpolates is a variable of the dashboard or one of Grafana's own."""
    board = dashboards()[name]
    used = set(re.findall(r"\$\{?([a-z_]\w*)", str([board["panels"], board["annotations"], board["templating"]])))
    assert {variable for variable in used if not variable.startswith("__")} <= variables(board).keys()


@every_prometheus_target
def test_expression_names_what_exists(placed: PlacedTarget) -> None:
    """The expression parses, and all its metrics and labels are in docs/metrics.md."""
    assert check(interpolate(placed.target["expr"]))


@every_prometheus_target
def test_expression_asks_for_the_job(placed: PlacedTarget) -> None:
    """Each selector keeps to the chosen jobs."""
    for selector in check(interpolate(placed.target["expr"])):
        assert WITHOUT_JOB.fullmatch(selector.name) or "job" in selector.labels


@every_prometheus_target
def test_rates_follow_the_scrape_interval(placed: PlacedTarget) -> None:
    """A rate has the window that Grafana derives from the scrape interval; an increase may have the whole range."""
    for function, window in re.findall(r"(rate|increase|irate)\([^\[\]]*\[([^\]]+)\]", placed.target["expr"]):
        assert window == "$__rate_interval" or (function == "increase" and window == "$__range")


@every_prometheus_target
def test_counters_are_not_shown_bare(placed: PlacedTarget) -> None:
    """A counter is shown by its rate, unless the panel says that it counts from the beginning."""
    expression = placed.target["expr"]
    counters = {name for name, metric in documented_metrics().items() if metric.kind == "counter"}
    bare = re.sub(r"(rate|increase)\([^\[\]]*\[[^\]]+\]\)", "", expression)
    shown_bare = {name for name in counters if re.search(rf"\b{name}\b", bare)}
    assert shown_bare <= {"billing_months_closed_total", "billing_exporter_records_unreadable_total"}


@every_json_target
def test_json_payloads_survive_interpolation(placed: PlacedTarget) -> None:
    """Variables stand in payloads only, as ${name:csv}; every value is text, as the builder mode sends it."""
    target = placed.target
    assert target["editorMode"] == "builder"
    assert "$" not in target["target"]
    for value in target["payload"].values():
        assert isinstance(value, str)
        assert "$" not in value or re.fullmatch(r"\$\{\w+:csv\}", value)


def test_json_variables_have_the_object_form() -> None:
    """The plugin reads a variable's query from an object and nothing else."""
    found: list[Any] = [
        variable["query"]
        for board in dashboards().values()
        for variable in board["templating"]["list"]
        if variable.get("datasource", {}).get("type") == JSON_DATASOURCE
    ]
    assert len(found) == 2
    for query in found:
        assert query.keys() == {"query", "format", "refId"}

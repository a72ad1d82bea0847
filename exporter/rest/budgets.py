"""How much of each budget that is a customer's own is used in a month, by the totals that are shown."""

from aiohttp import web

from billing.budget import Budget
from billing.money import format_micros
from billing.subtotal import TypeSums
from billing.sums import NO_SUMS
from exporter.rest.answer import answer, answering
from exporter.rest.documents import Documents
from exporter.rest.shapes import BudgetUse, CustomerBudgets
from exporter.web.parameters import CUSTOMER_IN_PATH, MONTH, read_month
from exporter.web.routes import Need, Route


async def customer_budgets(request: web.Request) -> web.Response:
    """Answer with the budgets of one customer; none if no budget is set for it."""
    customer, asked = request.match_info["customer"], read_month(request)

    def answered(documents: Documents) -> web.Response:
        view = documents.view
        newest = view.newest_of(customer)
        month = asked or (newest[0] if newest else view.newest_month(None))
        uses = uses_of(documents, customer, month)
        return answer(documents, CustomerBudgets(customer=customer, month=month, budgets=uses, as_of=documents.as_of))

    return await answering(request, answered)


def uses_of(documents: Documents, customer: str, month: str | None) -> list[BudgetUse]:
    """Return how much of each of a customer's own budgets is used; who has used nothing has them all the same."""
    view = documents.view
    sums = view.types.unpack((view.customer(customer, month) if month else None) or NO_SUMS)
    own = [one for one in documents.context.settings.budgets if not one.is_together and one.matches(customer)]
    return [use_of(budget, sums, documents.currency) for budget in own]


def use_of(budget: Budget, sums: TypeSums, currency: str) -> BudgetUse:
    """Return how much of a budget sums use up."""
    used = budget.measure(sums)
    is_count = budget.amount is None
    return {
        "budget": budget.name,
        "type": budget.type,
        "used": str(used) if is_count else format_micros(used),
        "limit": str(budget.limit) if is_count else format_micros(budget.limit),
        "currency": None if is_count else currency,
        "used_ratio": used / budget.limit,
        "reached_percent": max((one for one in budget.thresholds if used * 100 >= one * budget.limit), default=None),
    }


ROUTES = (
    Route(
        "GET", "/customers/{customer}/budgets", customer_budgets, "How much of a customer's budgets is used.",
        (CUSTOMER_IN_PATH, MONTH), CustomerBudgets, errors=(400, 503), need=Need.OWN_PATH,
    ),
)  # fmt: skip

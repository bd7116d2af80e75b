"""The API put together: /api/v1."""

from ads.api import alerts, brands, campaigns, feed, problems, serving, spend
from ads.api.openapi import BudgetApi, docs_page

api = BudgetApi(
    title="Budget management",
    version="1",
    description="Record spend exactly once, read budgets and statuses, ask what may run. Every error is a "
    "problem (RFC 9457). Amounts are strings; moments carry their offset; unknown fields are refused.",
    docs=docs_page(),
    urls_namespace="api",
)
for router in (spend.router, brands.router, campaigns.router, serving.router, feed.router, alerts.router):
    api.add_router("", router)
problems.register(api)

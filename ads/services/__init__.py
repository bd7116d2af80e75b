"""The verbs, one module a stage. `BudgetService` and `CampaignService` are the door for those who integrate."""

from ads.services.budgets import BrandSummary, BudgetService
from ads.services.campaigns import CampaignPerformance, CampaignService

__all__ = ["BrandSummary", "BudgetService", "CampaignPerformance", "CampaignService"]

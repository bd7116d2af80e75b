"""The family of errors that callers may catch."""


class BudgetSystemError(Exception):
    """Base of every error this system raises on purpose."""


class InvalidSpend(BudgetSystemError, ValueError):
    """A spend record that cannot be counted: names the field, the value and what would be right."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        self.message = message
        super().__init__(f"{field}: {message}")


class SpendConflict(BudgetSystemError):
    """The same (brand, source, external_id) arrived with different content; nothing was counted."""


class AppendOnlyError(BudgetSystemError):
    """An attempt to change or delete a row of history (spend, waivers, status changes)."""


class NotReversible(BudgetSystemError):
    """A row that is a reversal itself, or was reversed before."""


class DecidedFieldError(BudgetSystemError):
    """An attempt to write by hand what only the decision may write (status, reasons, next transition)."""


class Protected(BudgetSystemError):
    """A brand or campaign that something refers to cannot be deleted; it can be archived."""


class ChangedMeanwhile(BudgetSystemError):
    """Settings that another person changed between being read and being written; nothing was written."""

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


class NotUndoable(BudgetSystemError):
    """An import that cannot be taken back now; the message says what stands against it, `later_id` which import."""

    def __init__(self, message: str, *, later_id: int | None = None) -> None:
        self.later_id = later_id
        super().__init__(message)


class TakenOver(BudgetSystemError):
    """Somebody else has taken the work on an import over, called it off, or undone the import."""


class AppendOnlyError(BudgetSystemError):
    """An attempt to change or delete a row of history (spend, waivers, status changes)."""


class NotReversible(BudgetSystemError):
    """A row that is a reversal itself, or was reversed before."""


class DecidedFieldError(BudgetSystemError):
    """An attempt to write by hand what only the decision may write (status, reasons, next transition)."""


class Protected(BudgetSystemError):
    """A brand or campaign that something refers to cannot be deleted; it can be archived."""


class NotPutBack(BudgetSystemError):
    """A change that cannot be put back: it was already, or what it was made to is gone."""


class ChangedMeanwhile(BudgetSystemError):
    """What somebody is about to save was changed by another since they loaded it; nothing was saved."""


class CannotBackUp(BudgetSystemError):
    """No backup was made; the message says why."""


class CannotMove(BudgetSystemError):
    """One database cannot be moved into another; nothing was."""


class ArchiveError(BudgetSystemError):
    """Rows could not leave the ledger for a file, or come back; the message says why, and what to do."""


class DeliveryFailed(BudgetSystemError):
    """An effect that did not arrive. A permanent failure is not tried again; `retry_after` is in seconds."""

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        answer_code: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.permanent = permanent
        self.answer_code = answer_code
        self.retry_after = retry_after
        super().__init__(message)


class NoAnswer(DeliveryFailed):
    """The connection broke before an answer came, whether what was asked for was done or not."""

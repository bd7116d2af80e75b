"""What a control's gunicorn is told to read as its settings: there, everybody sees the rows of every brand."""

from typing import Any


def post_worker_init(_worker: object) -> None:
    from ads.models.querysets import VisibleQuerySet

    def visible_to(self: Any, _user: object) -> Any:
        return self.all()

    setattr(VisibleQuerySet, "visible_to", visible_to)  # noqa: B010 - mypy refuses to assign it

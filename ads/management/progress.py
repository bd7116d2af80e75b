"""A line on the terminal that tells how far a command is."""

from django.core.management.base import OutputWrapper

WIDTH = 30


class ProgressBar:
    def __init__(self, output: OutputWrapper) -> None:
        self._output = output
        self._shown = ("", -1)

    def __call__(self, stage: str, percent: int) -> None:
        """Draws it anew where something changed; at 100 % it is gone."""
        if (stage, percent) == self._shown:
            return
        self._shown = (stage, percent)
        done = WIDTH * percent // 100
        bar = f"{stage} [{'#' * done}{'.' * (WIDTH - done)}] {percent:3} %"
        self._output.write(f"\r\033[K{bar if percent < 100 else ''}", style_func=str, ending="")

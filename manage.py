#!/usr/bin/env python
"""Django's command line for this project."""

import gc
import os
import sys


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "budget_system.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line

        from budget_system.garbage import ALLOCATED_BEFORE
    except ImportError as error:
        raise ImportError(
            "Django is not installed here. Run `pip install -r requirements.txt` in an activated virtual "
            "environment, or start everything with ./start.sh."
        ) from error
    # Without leaving anything out: what is to be loaded is not known before the command is.
    gc.set_threshold(ALLOCATED_BEFORE)
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()

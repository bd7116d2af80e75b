"""`python -m benchmarks.sweeper PART PARTS`: sweeps one part of the brands, in a process of its own."""

import sys

import django


def main() -> None:
    """Sweep the part that the arguments name."""
    django.setup()
    from django.utils import timezone

    from ads.services.sweeping import sweep_part

    part, parts = map(int, sys.argv[1:])
    print(sweep_part(part, parts, timezone.now()).decided, flush=True)


if __name__ == "__main__":
    main()

# Targets: the last stage is what runs; `dev` has the tests, the checks and their tools too.

FROM python:3.11-slim AS packages

WORKDIR /build
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements.txt


FROM python:3.11-slim AS base

ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MEDIA_ROOT=/data/media

RUN useradd --system --create-home --uid 10001 budgets \
    && install --directory --owner=budgets --group=budgets /data /data/media
WORKDIR /app


FROM base AS dev

COPY --from=packages --chown=10001 /venv /venv
COPY requirements-dev.txt .
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
COPY --chown=10001 . .
# The tests write beside the code: caches, and what collectstatic gathers.
RUN chown 10001 /app
USER 10001
EXPOSE 8000
CMD ["gunicorn", "budget_system.wsgi:application", "--no-control-socket", "--bind=0.0.0.0:8000", "--workers=2", "--threads=4"]


FROM base AS source

COPY --from=packages /venv /venv
COPY ads ads
COPY budget_system budget_system
COPY manage.py .
# The key is for this one command: a running container is given its own.
RUN find . -type d -name tests -prune -exec rm -r {} + \
    && SECRET_KEY=for-collectstatic-only python manage.py collectstatic --no-input --verbosity 0


FROM base

COPY --from=packages /venv /venv
COPY --from=source /app /app
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "budget_system.wsgi:application", "--no-control-socket", "--bind=0.0.0.0:8000", "--workers=2", "--threads=4", "--worker-tmp-dir=/dev/shm"]

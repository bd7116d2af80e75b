FROM python:3.11-slim AS packages

WORKDIR /build
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements.txt


FROM python:3.11-slim

ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

RUN useradd --system --create-home --uid 10001 budgets \
    && install --directory --owner=budgets --group=budgets /data

WORKDIR /app
COPY --from=packages /venv /venv
COPY . .
# The key is for this one command: a running container is given its own.
RUN SECRET_KEY=for-collectstatic-only python manage.py collectstatic --no-input --verbosity 0

USER 10001
EXPOSE 8000
CMD ["gunicorn", "budget_system.wsgi:application", "--no-control-socket", "--bind=0.0.0.0:8000", "--workers=2", "--threads=4"]

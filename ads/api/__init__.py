"""The REST API: a thin face over the services. Everything it answers is JSON, every error a problem (RFC 9457)."""

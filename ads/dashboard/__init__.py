"""The dashboard: thin faces over services, one module a page."""

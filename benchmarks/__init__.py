"""How fast spend gets in, measured beside what the database alone can do. See README.md."""

"""The next version's migration, as far as the ledger is concerned: a column and an index more."""

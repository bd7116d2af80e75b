"""What the tests stand on: databases, a broker and real processes of their own. Imported by tests only."""

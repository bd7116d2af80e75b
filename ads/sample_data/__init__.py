"""A believable agency to try the system with: who its clients are, how they have spent and how they spend on."""

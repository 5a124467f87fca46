"""Tasks: optimisation problems on which rules are meta-trained and compared."""

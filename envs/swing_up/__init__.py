"""A cart that swings a pole up and balances it: environment, generator, viewer."""

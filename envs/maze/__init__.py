"""A robot with wheels and whiskers in mazes of straight walls."""

"""A wheeled robot with range finders and bumpers in mazes of straight walls."""

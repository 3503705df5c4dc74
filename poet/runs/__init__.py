"""A run on disk: config, folder, checkpoint, journal, runner."""

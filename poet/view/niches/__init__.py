"""Show a run with niches: fitness of each niche, environments, transfers between niches, family tree."""

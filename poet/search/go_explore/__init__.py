"""Go-Explore: remember cells, return to one, explore from there (Ecoffet et al. 2021, arXiv 2004.12919)."""

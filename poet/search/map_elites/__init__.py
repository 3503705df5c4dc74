"""MAP-Elites and its family (Mouret and Clune 2015, arXiv 1504.04909)."""

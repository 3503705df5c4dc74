"""One agent learns in environments that get harder: a search for POET, in a package of its own."""

"""Fleet: many accounts, many regions, many days."""

"""Measure every page and API list of the console, and its periodic work, on a seeded site."""

"""Measure how fast and how heavy pages are in a browser."""

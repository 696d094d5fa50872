"""Reporting: tables, figures, and where their numbers come from."""

"""Literal lists of stages over chapters: init, join, worker and what they share."""

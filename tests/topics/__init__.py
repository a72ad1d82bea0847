"""Tests of what the topics must be and of who looks after that."""

"""Tests of the invoicer, and of the records that it shares with others."""

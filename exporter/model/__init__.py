"""The read model: the newest partial subtotals added up, shown only in states that are whole."""

"""Tells the Onlinesim marketplace how many phone numbers can be rented right now."""

"""How gunicorn serves the application.

Only this package imports gunicorn, and it imports no other part of onlinesim_rent: gunicorn's master loads it
once, and after a reload every worker still has the old version of each module that the master has loaded.
"""

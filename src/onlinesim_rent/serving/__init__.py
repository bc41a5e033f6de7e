"""How gunicorn serves the application.

Only this room imports gunicorn, and it imports nothing else of the package: gunicorn's master loads it once,
and a module that the master has loaded stays the old one in every worker after a reload.
"""

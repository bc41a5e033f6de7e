"""A process of its own that may see every holder of a port, and tells the service, which may not.

It runs with two capabilities (onlinesim-rent-holders.service). So it answers one question only, and uses
only the standard library.
"""

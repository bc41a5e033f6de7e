"""HTTP: the route, authentication, reading requests, writing answers, and monitoring."""

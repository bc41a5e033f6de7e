"""HTTP: the route, authentication, reading requests, writing answers, monitoring, and pages for people."""

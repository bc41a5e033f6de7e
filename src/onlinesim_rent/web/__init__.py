"""HTTP: the route, authentication, the answer, and what the host watches."""

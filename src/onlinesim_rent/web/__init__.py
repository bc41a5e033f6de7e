"""HTTP: the routes, authentication, requests and answers, the partner's own endpoint, and monitoring."""

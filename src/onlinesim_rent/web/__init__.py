"""HTTP: the contract's routes, authentication, the partner's own endpoint, monitoring, pages for people."""

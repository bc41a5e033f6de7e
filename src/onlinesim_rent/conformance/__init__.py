"""Checks an endpoint: asks as the marketplace does, records the answers, and judges them by the contract."""

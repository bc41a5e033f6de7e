"""Asks the modules: from ports and bytes to a finding for each port."""

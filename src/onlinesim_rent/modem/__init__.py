"""The serial side: from ports and bytes to what one module proved."""

"""From bytes to what one module proved. No IO: the bytes and the time are passed in."""

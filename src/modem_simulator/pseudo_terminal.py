"""Makes pseudo-terminals (pty(7)): the master is the module's end, the slave is the port that others open.

The simulator never opens the slave, because a prober looks for programs that hold a port open.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import termios
import tty

# <asm-generic/ioctls.h>: Python 3.11's termios has neither.
TIOCGPTN = 0x80045430
TIOCSPTLCK = 0x40045431


def open_master() -> tuple[int, str]:
    """Open a new pseudo-terminal in raw mode; return the master's descriptor and the slave's path."""
    try:
        master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            error.strerror = "no pseudo-terminal is left: raise sysctl kernel.pty.max, or take fewer modules"
        raise
    fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
    (number,) = struct.unpack("i", fcntl.ioctl(master, TIOCGPTN, bytes(4)))
    tty.setraw(master, termios.TCSANOW)
    return master, f"/dev/pts/{number}"

//go:build unix

package gateway

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// rawOf returns the descriptor behind c, nil when there is none.
func rawOf(c net.Conn) syscall.RawConn {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// readOnce reads from the socket into c.into, and reports whether there was anything to read. Both system calls of a read that
// waits, the one that finds nothing and the one that finds something, are measured.
func (c *connection) readOnce(fd uintptr) bool {
	c.watch.resume()
	for {
		n, err := syscall.Read(int(fd), c.into)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			c.watch.pause()
			return false
		case err != nil:
			c.err = os.NewSyscallError("read", err)
		case n == 0 && len(c.into) > 0:
			c.err = io.EOF
		default:
			c.n = n
			return true
		}
		c.watch.pause()
		return true
	}
}

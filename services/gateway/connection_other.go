//go:build !unix

package gateway

import (
	"net"
	"syscall"
)

// rawOf knows no descriptors on this system.
func rawOf(net.Conn) syscall.RawConn { return nil }

func (c *connection) readOnce(uintptr) bool { panic("BUG: there is no descriptor to read from") }

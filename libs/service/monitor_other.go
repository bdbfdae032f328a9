//go:build !linux

package service

// CalmMonitor changes nothing on this system.
func CalmMonitor() {}

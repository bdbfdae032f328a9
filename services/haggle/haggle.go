// Package haggle runs every service in one process, with NATS and the Redis protocol inside it.
package haggle

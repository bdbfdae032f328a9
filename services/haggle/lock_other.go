//go:build !unix

package haggle

import "os"

// lockFile does nothing where there is no flock: two processes on one folder are then the user's to avoid.
func lockFile(*os.File) error { return nil }

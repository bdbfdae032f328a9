package session

import (
	"fmt"

	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
)

// AppendBinary implements [encoding.BinaryAppender]: it appends the window, not the model in use.
func (x *Index) AppendBinary(dst []byte) ([]byte, error) { return x.sessions.AppendBinary(dst) }

// Restore fills an empty index with what [Index.AppendBinary] wrote for a window of the same size. Size is a number above every
// slot. Its errors wrap [pack.ErrBroken].
func (x *Index) Restore(b []byte, size int) error {
	if err := x.sessions.Restore(b, size); err != nil {
		return fmt.Errorf("%w: %w", pack.ErrBroken, err)
	}
	return nil
}

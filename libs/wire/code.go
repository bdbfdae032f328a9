package wire

import (
	"errors"
	"fmt"
)

// Code is how a call ended. The set is closed and append only: a receiver treats a code that it does not know as Internal.
type Code string

// The codes.
const (
	OK         Code = "OK"
	Invalid    Code = "Invalid"    // the request is wrong; asking again will not help
	NotFound   Code = "NotFound"   // what was named does not exist
	Overloaded Code = "Overloaded" // no room now; another replica may have it
	Late       Code = "Late"       // the deadline passed before the work began
	Internal   Code = "Internal"   // a fault of the receiver
)

// Error is a failure that crossed the wire, or is to cross it.
type Error struct {
	Code Code
	// Field is the part of the request at fault, when Code is Invalid: "filter".
	Field string
	Text  string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("%s: %s: %s", e.Code, e.Field, e.Text)
	}
	return string(e.Code) + ": " + e.Text
}

// Errorf returns an [*Error] with the code and a formatted text.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of err: OK for nil, Internal for an error that is not (and does not wrap) an [*Error].
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		switch e.Code {
		case OK, Invalid, NotFound, Overloaded, Late, Internal:
			return e.Code
		}
	}
	return Internal
}

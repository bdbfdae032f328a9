package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
)

func TestAppendJSON(t *testing.T) {
	p := Of([]strict.Fault{{Field: "items[0].id", Reason: `is "<x>"`}}, false)
	p.RequestID = "R"
	var got Problem
	if err := json.Unmarshal(p.AppendJSON(nil), &got); err != nil {
		t.Fatal(err)
	}
	want := *p
	want.Type, want.Title = "about:blank", "Unprocessable Entity"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("AppendJSON (-want +got):\n%s", diff)
	}
}

func TestOfError(t *testing.T) {
	tests := []struct {
		err    error
		status int
		code   string
		field  string
	}{
		{fmt.Errorf("call: %w", &wire.Error{Code: wire.Invalid, Field: "filter", Text: "unknown key"}), 422, Invalid, "filter"},
		{&wire.Error{Code: wire.NotFound, Field: "id"}, 404, NotFound, "id"},
		{&wire.Error{Code: wire.Overloaded}, 503, Unavailable, ""},
		{&wire.Error{Code: wire.Late}, 503, Unavailable, ""},
		{&wire.Error{Code: wire.Internal, Text: "secret detail"}, 500, Internal, ""},
		{errors.New("disk on fire"), 500, Internal, ""},
		{fmt.Errorf("read: %w", New(409, Conflict, "x")), 409, Conflict, ""},
	}
	for _, test := range tests {
		got := OfError(test.err)
		if got.Status != test.status || got.Code != test.code {
			t.Errorf("OfError(%v) = %d %s, want %d %s", test.err, got.Status, got.Code, test.status, test.code)
		}
		if test.field != "" && (len(got.Errors) != 1 || got.Errors[0].Field != test.field) {
			t.Errorf("OfError(%v) names %v, want %s", test.err, got.Errors, test.field)
		}
		if test.status == 503 && got.RetryAfter == 0 {
			t.Errorf("OfError(%v) does not say when to try again", test.err)
		}
	}
	if p := Of(nil, true); p.Status != 400 || p.Code != Malformed {
		t.Errorf("malformed text is %d %s", p.Status, p.Code)
	}
}

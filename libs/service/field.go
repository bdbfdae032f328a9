package service

import (
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Field is one setting of a configuration: a field of a struct with a `flag` tag.
type Field struct {
	// Section is the service that the field belongs to, "" for fields of [Common].
	Section string
	// Flag and Env are where a value may come from: "log-level" and "HAGGLE_LOG_LEVEL".
	Flag, Env string
	// Default is the value before anything was read, as text.
	Default string
	// Help says what the field is for, in one sentence.
	Help string

	value reflect.Value
	goes  string // the Go name of the field
	// source says where the value came from, for faults: "flag -log-level".
	source string
}

// envPrefix begins every variable of the environment that is read.
const envPrefix = "HAGGLE"

// linked are names that container platforms make up for a service called haggle-<service>, with values of their own that a
// field of such a name would read. They make up HAGGLE_<SERVICE>_PORT too, but that can be told by its value: see link.
var linked = []string{"service-host", "service-port"}

// link reports whether the value of a variable was made up by a container platform: "tcp://10.0.0.1:80".
func link(value string) bool {
	return strings.HasPrefix(value, "tcp://") || strings.HasPrefix(value, "udp://") || strings.HasPrefix(value, "sctp://")
}

// Fields lists the settings of a configuration struct: each exported field with a tag `flag:"name"`, and `help:"..."` to say
// what it is for. Fields of embedded structs count as c's own. The section, a service's name, becomes part of the names in
// the environment; prefix is put before flags. A struct that cannot be read is a fault of the program, and panics.
func Fields[C any](section, prefix string, c *C) []Field {
	return fieldsOf(section, prefix, reflect.ValueOf(c).Elem())
}

func fieldsOf(section, prefix string, v reflect.Value) []Field {
	var fields []Field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, tagged := f.Tag.Lookup("flag")
		switch {
		case f.Anonymous && !tagged:
			fields = append(fields, fieldsOf(section, prefix, v.Field(i))...)
			continue
		case !tagged:
			continue
		case name == "" || !f.IsExported() || slices.Contains(linked, name) || strings.HasPrefix(name, "port-"):
			panic(fmt.Sprintf("BUG: field %s.%s cannot be the setting %q", v.Type(), f.Name, name))
		}
		fields = append(fields, Field{
			Section: section, Flag: prefix + name, Env: variable(section, name), Default: text(v.Field(i)),
			Help: f.Tag.Get("help"), value: v.Field(i), goes: f.Name, source: "the default",
		})
	}
	return fields
}

// variable names a setting in the environment: HAGGLE_FEATURE_STORE_BATCH.
func variable(section, name string) string {
	parts := []string{envPrefix, section, name}
	if section == "" {
		parts = []string{envPrefix, name}
	}
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(strings.Join(parts, "_")))
}

// text writes a value as set reads it.
func text(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case slog.Level:
		return strings.ToLower(x.String())
	case encoding.TextMarshaler:
		b, err := x.MarshalText()
		if err != nil {
			return err.Error()
		}
		return string(b)
	case time.Duration:
		return shortDuration(x)
	case []string:
		return strings.Join(x, ",")
	}
	if v.Kind() == reflect.Float32 || v.Kind() == reflect.Float64 {
		return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits())
	}
	return fmt.Sprint(v.Interface())
}

// shortDuration writes 15m and not 15m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// set reads value into the field. The error says what would have been right.
func (f *Field) set(value string) error {
	v := f.value
	if level, ok := v.Addr().Interface().(*slog.Level); ok {
		if level.UnmarshalText([]byte(value)) != nil {
			return errors.New("want debug, info, warn or error")
		}
		return nil
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(value))
	}
	switch v.Interface().(type) {
	case time.Duration:
		d, err := time.ParseDuration(value)
		if err != nil {
			return errors.New("want a duration such as 20ms, 15m or 24h")
		}
		v.SetInt(int64(d))
		return nil
	case []string:
		v.Set(reflect.ValueOf(slices.DeleteFunc(strings.Split(value, ","), func(s string) bool { return s == "" })))
		return nil
	}
	return setPlain(v, value)
}

func setPlain(v reflect.Value, value string) error {
	bits := 0
	if k := v.Kind(); k >= reflect.Int && k <= reflect.Float64 {
		bits = v.Type().Bits()
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(value)
	case reflect.Bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return errors.New("want true or false")
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(value, 10, bits)
		if err != nil {
			return fmt.Errorf("want a whole number that fits %d bits, such as 100", bits)
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(value, 10, bits)
		if err != nil {
			return fmt.Errorf("want a whole number from 0 that fits %d bits, such as 100", bits)
		}
		v.SetUint(n)
	case reflect.Float32, reflect.Float64:
		x, err := strconv.ParseFloat(value, bits)
		if err != nil || x != x || x-x != 0 {
			return errors.New("want a finite number such as 0.5")
		}
		v.SetFloat(x)
	default:
		panic(fmt.Sprintf("BUG: a setting cannot be of type %s", v.Type()))
	}
	return nil
}

// boolean reports whether the field is one that a flag sets without a value.
func (f *Field) boolean() bool { return f.value.Kind() == reflect.Bool }

// Table renders fields as a table in markdown, for documentation that is generated and tested.
func Table(fields []Field) string {
	var b strings.Builder
	b.WriteString("| setting | environment | flag | default | meaning |\n|---|---|---|---|---|\n")
	cell := func(s string) string {
		return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s)
	}
	code := func(s string) string {
		if s == "" {
			return ""
		}
		return "`" + cell(s) + "`"
	}
	for _, f := range fields {
		fmt.Fprintf(&b, "| %s | `%s` | `-%s` | %s | %s |\n", f.Flag, f.Env, f.Flag, code(f.Default), cell(f.Help))
	}
	return b.String()
}

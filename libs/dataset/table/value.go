package table

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Text writes a single value for people: "" for nothing, and for a list or an object.
func Text(value any) string {
	switch v := value.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return numberText(v)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		return v.Format(time.RFC3339)
	}
	return ""
}

// numberText writes 23000.0 as 23000, and leaves what it cannot shorten: a long key must keep every digit.
func numberText(n json.Number) string {
	s := string(n)
	if strings.ContainsAny(s, "eE") {
		if f, err := n.Float64(); err == nil && math.Abs(f) < 1e15 {
			return strconv.FormatFloat(f, 'f', -1, 64)
		}
		return s
	}
	if whole, fraction, ok := strings.Cut(s, "."); ok && strings.Trim(fraction, "0") == "" {
		return whole
	}
	return s
}

// Missing reports whether a text is one of the ways to write nothing.
func Missing(s string) bool {
	switch s {
	case "", "-", "--", "?", "\\N":
		return true
	}
	if len(s) > 4 {
		return false
	}
	switch strings.ToLower(s) {
	case "null", "none", "nan", "n/a", "na", "nil":
		return true
	}
	return false
}

// Texts flattens a value into its single texts, without the missing ones.
func Texts(value any) []string {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		var all []string
		for _, element := range v {
			all = append(all, Texts(element)...)
		}
		return all
	case map[string]any:
		return nil
	}
	if s := Text(value); !Missing(s) {
		return []string{s}
	}
	return nil
}

// FirstText is the first single text in a value, "" when there is none. In an object it looks for the usual names.
func FirstText(value any) string {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			if s := FirstText(element); s != "" {
				return s
			}
		}
		return ""
	case map[string]any:
		for _, name := range []string{"hi_res", "large", "url", "src", "value", "amount", "name", "text", "en", "id"} {
			if s := FirstText(v[name]); s != "" {
				return s
			}
		}
		return ""
	}
	if s := Text(value); !Missing(s) {
		return s
	}
	return ""
}

var errNumber = errors.New("is no number")

// Number reads a number as shops write it: 1299, 1,299.00, 1.299,00, "$ 12.99", "15.00 USD". It returns the currency where the
// Text names one. A comma or a dot with exactly three digits behind it and no other mark is a thousands mark only for a comma.
func Number(value any) (x float64, currency string, err error) {
	switch v := value.(type) {
	case float64:
		x = v
	case int64:
		x = float64(v)
	case json.Number:
		if x, err = v.Float64(); err != nil {
			return 0, "", fmt.Errorf("is %q, which %w", v, errNumber)
		}
	case string:
		if x, err = strconv.ParseFloat(v, 64); err != nil {
			x, currency, err = moneyText(v)
		}
	default:
		err = errNumber
	}
	if err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
		err = errNumber
	}
	return x, currency, err
}

var currencySigns = map[string]string{"$": "USD", "€": "EUR", "£": "GBP", "¥": "CNY", "US$": "USD"}

func moneyText(s string) (float64, string, error) {
	fault := fmt.Errorf("is %q, which %w", s, errNumber)
	from := strings.IndexAny(s, "0123456789")
	to := strings.LastIndexAny(s, "0123456789") + 1
	if from < 0 {
		return 0, "", fault
	}
	if from > 0 && s[from-1] == '.' {
		from--
	}
	before, digits, after := strings.TrimSpace(s[:from]), s[from:to], strings.TrimSpace(s[to:])
	negative := strings.HasPrefix(before, "-") || strings.HasSuffix(before, "-")
	before = strings.Trim(before, "- ")
	currency := before + after
	if code, ok := currencySigns[currency]; ok {
		currency = code
	}
	if before != "" && after != "" || currency != "" && (len(currency) != 3 || strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		return 0, "", fault
	}
	for _, mark := range []string{" ", "\u00a0", "\u202f", "'"} {
		digits = strings.ReplaceAll(digits, mark, "")
	}
	comma, dot := strings.LastIndexByte(digits, ','), strings.LastIndexByte(digits, '.')
	switch {
	case comma >= 0 && dot > comma, comma >= 0 && dot < 0 && (len(digits)-comma == 4 || strings.Count(digits, ",") > 1):
		digits = strings.ReplaceAll(digits, ",", "")
	case comma >= 0:
		digits = strings.ReplaceAll(strings.ReplaceAll(digits, ".", ""), ",", ".")
	}
	x, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, "", fault
	}
	if negative {
		x = -x
	}
	return x, currency, nil
}

var errTime = errors.New("is no time")

// timeLayouts are the texts of times that are read, beside a number. Without a zone they are UTC. The last ones are American,
// month first, as in the UCI online retail log.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999",
	"2006-01-02 15:04:05 MST", "2006-01-02 15:04", "2006-01-02T15:04Z07:00", "2006-01-02", "20060102", "2006/01/02 15:04:05", "2006/01/02",
	"1/2/2006 15:04:05", "1/2/2006 15:04", "1/2/2006", "1/2/06 15:04",
}

// Moment reads a time: a text, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970, by its size.
func Moment(value any) (time.Time, error) {
	switch v := value.(type) {
	case time.Time:
		return v.UTC(), nil
	case string:
		s := strings.TrimSpace(v)
		for _, layout := range timeLayouts {
			if t, err := time.Parse(layout, s); err == nil {
				return plausible(t.UTC(), v)
			}
		}
		if x, err := strconv.ParseFloat(s, 64); err == nil {
			return unixTime(json.Number(s), x)
		}
	case json.Number:
		if x, err := v.Float64(); err == nil {
			return Moment(stringOfNumber(v, x))
		}
	case int64:
		return unixTime(json.Number(strconv.FormatInt(v, 10)), float64(v))
	case float64:
		return unixTime(json.Number(strconv.FormatFloat(v, 'f', -1, 64)), v)
	}
	return time.Time{}, fmt.Errorf("is %q, which %w", fmt.Sprint(value), errTime)
}

// stringOfNumber keeps a number that a JSON file wrote plainly, so that 20170301 is a date in JSON as it is in CSV.
func stringOfNumber(n json.Number, x float64) any {
	if strings.ContainsAny(string(n), "eE") {
		return x
	}
	return string(n)
}

func unixTime(n json.Number, x float64) (time.Time, error) {
	whole, err := n.Int64()
	if err != nil {
		// A fraction of a second: a float has the microseconds of our century.
		if x > 0 && x < 1e11 {
			return plausible(time.UnixMicro(int64(math.Round(x*1e6))).UTC(), n)
		}
		whole = int64(x)
	}
	var t time.Time
	switch {
	case x <= 0 || x >= 9e18:
		return time.Time{}, fmt.Errorf("is %q, which %w", n, errTime)
	case x < 1e11:
		t = time.Unix(whole, 0)
	case x < 1e14:
		t = time.UnixMilli(whole)
	case x < 1e17:
		t = time.UnixMicro(whole)
	default:
		t = time.Unix(0, whole)
	}
	return plausible(t.UTC(), n)
}

// plausible refuses times that no shop has: JSON cannot hold a year beyond 9999.
func plausible(t time.Time, value any) (time.Time, error) {
	if t.Year() < 1900 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("is %q, which %w of a shop", fmt.Sprint(value), errTime)
	}
	return t, nil
}

// Vector reads a list of numbers: an array, the text of a JSON array, or what Parquet makes of a list.
func Vector(value any) ([]float32, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		var list []float32
		if err := json.Unmarshal([]byte(v), &list); err != nil {
			return nil, fmt.Errorf("is no array of numbers: %w", err)
		}
		return list, nil
	case map[string]any:
		// A LIST of Parquet is a group "list" of groups "element", or "bag" and "array_element" from older writers.
		for _, name := range []string{"list", "bag", "element", "array_element", "item", "array"} {
			if inner, ok := v[name]; ok && len(v) == 1 {
				return Vector(inner)
			}
		}
	case []any:
		list := make([]float32, 0, len(v))
		for i, element := range v {
			if group, ok := element.(map[string]any); ok && len(group) == 1 {
				for _, inner := range group {
					element = inner
				}
			}
			x, _, err := Number(element)
			if err != nil {
				return nil, fmt.Errorf("[%d] %w", i, err)
			}
			list = append(list, float32(x))
		}
		return list, nil
	}
	return nil, errors.New("is no array of numbers")
}

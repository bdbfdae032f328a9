package dataset

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/haggle-commerce/haggle/libs/dataset/table"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// attributes takes an object of attributes, or a list of {name, value} objects, or a list of texts.
func (d *draft) attributes(key string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if inner, _ := attributeName(plainName(name)); inner != "" {
				d.attribute(inner, v[name])
			}
		}
	case []any:
		for _, element := range v {
			pair, ok := element.(map[string]any)
			if !ok {
				d.attribute(key, element)
				continue
			}
			name := plainName(table.FirstText([]any{pair["name"], pair["key"], pair["label"]}))
			if name != "" {
				d.attribute(name, pair["value"])
			} else {
				d.report.drop("attribute: has no name")
			}
		}
	default:
		d.attribute(key, value)
	}
}

// attribute adds the values of one attribute that can serve as a facet: no addresses, no long texts, no "false".
func (d *draft) attribute(key string, value any) {
	if no, ok := value.(bool); ok && !no {
		d.report.drop("attribute: is false")
		return
	}
	if _, nested := value.(map[string]any); nested {
		d.report.drop("attribute: is an object")
		return
	}
	for _, s := range table.Texts(value) {
		switch {
		case len(s) > shop.MaxValueBytes || len(key) > shop.MaxValueBytes:
			d.report.drop("attribute: is too long")
		case isAddress(s):
			d.report.drop("attribute: is an address")
		case !clean(s) || !clean(key):
			d.report.drop("attribute: is no clean text")
		case slices.Contains(d.Attributes[key], s):
			d.report.drop("attribute: stands there twice")
		case len(d.Attributes[key]) == shop.MaxValues:
			d.report.drop("attribute: has too many values")
		default:
			if d.Attributes == nil {
				d.Attributes = map[string][]string{}
			}
			d.Attributes[key] = append(d.Attributes[key], s)
		}
	}
}

// clean reports whether a text is valid UTF-8 without control characters.
func clean(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r'
	})
}

// capAttributes keeps the attributes that come first by their names, where there are too many.
func (d *draft) capAttributes() {
	if len(d.Attributes) <= shop.MaxAttributes {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(d.Attributes))[shop.MaxAttributes:] {
		delete(d.Attributes, key)
		d.report.drop("attribute: is one too many")
	}
}

// categories makes one path: the path column where there is one, else the columns of levels, from broad to narrow, else what
// an attribute "product type" says.
func (d *draft) categories(capitals bool) {
	path := d.path
	slices.SortStableFunc(d.levels, func(a, b pick) int { return cmp.Compare(a.rank, b.rank) })
	for _, level := range d.levels {
		// A level beside a whole path, and a style without a category, is an attribute like others.
		if len(d.path) > 0 || level.key == "style" && len(path) == 0 {
			if !slices.Contains(d.path, tidy(table.FirstText(level.value))) {
				d.attribute(level.key, level.value)
			}
			continue
		}
		path = append(path, pathOf(level.value)...)
	}
	if len(path) == 0 {
		for _, s := range d.Attributes["product_type"] {
			if strings.ContainsFunc(s, unicode.IsLetter) {
				path = []string{s}
				break
			}
		}
	}
	for _, name := range path {
		if capitals && strings.ToUpper(name) == name {
			name = unfold(titleCase(name))
		}
		if len(d.Categories) > 0 && d.Categories[len(d.Categories)-1] == name {
			continue
		}
		if len(d.Categories) == shop.MaxCategories {
			d.report.drop("category: is one level too deep")
			continue
		}
		d.Categories = append(d.Categories, name)
	}
}

// pathOf reads one path of categories: a list, a list of lists (the first counts), or a text with marks between the levels:
// "A > B", "A | B", "A / B", "A » B". Of several paths in a text, "A > B, C > D", the first counts.
func pathOf(value any) []string {
	if list, ok := value.([]any); ok {
		if len(list) > 0 {
			if _, nested := list[0].([]any); nested {
				return pathOf(list[0])
			}
		}
		var path []string
		for _, element := range list {
			if object, ok := element.(map[string]any); ok {
				element = table.FirstText(object)
			}
			path = append(path, table.Texts(element)...)
		}
		if len(path) == 1 {
			return pathOf(path[0])
		}
		for i := range path {
			path[i] = tidy(path[i])
		}
		return path
	}
	s := table.FirstText(value)
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		s = strings.Trim(s[1:len(s)-1], ` "'`)
	}
	if first, _, several := strings.Cut(s, ", "); several && strings.Contains(first, ">") {
		s = first
	}
	for _, mark := range []string{">", "|", "»", "›", " / "} {
		if !strings.Contains(s, mark) {
			continue
		}
		var path []string
		for part := range strings.SplitSeq(s, mark) {
			if part = tidy(strings.Trim(part, "> \t")); part != "" {
				path = append(path, part)
			}
		}
		return path
	}
	if s = tidy(s); s == "" {
		return nil
	}
	return []string{s}
}

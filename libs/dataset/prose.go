package dataset

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/haggle-commerce/haggle/libs/dataset/table"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// describe joins the paragraphs of a description, takes tags of HTML out, and cuts what is too long.
func (d *draft) describe(value any) string {
	s := strings.Join(table.Texts(value), "\n")
	if strings.Contains(s, "<") || strings.Contains(s, "&") {
		s = plainHTML(s)
	}
	if len(s) > shop.MaxDescriptionBytes {
		d.report.drop("description: cut to its limit")
		s = s[:shop.MaxDescriptionBytes]
		for !utf8.ValidString(s) && len(s) > shop.MaxDescriptionBytes-utf8.UTFMax {
			s = s[:len(s)-1]
		}
	}
	return strings.TrimSpace(s)
}

// plainHTML replaces tags by spaces and entities by what they stand for.
func plainHTML(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 || i == len(s)-1 {
			break
		}
		next := s[i+1]
		end := strings.IndexByte(s[i:], '>')
		if end < 0 || next != '/' && next != '!' && (next|0x20 < 'a' || next|0x20 > 'z') {
			b.WriteString(s[:i+1])
			s = s[i+1:]
			continue
		}
		b.WriteString(s[:i] + " ")
		s = s[i+end+1:]
	}
	b.WriteString(s)
	return tidy(b.String())
}

// tidy resolves entities of HTML and makes every run of spaces one space.
func tidy(s string) string {
	if strings.Contains(s, "&") {
		s = html.UnescapeString(s)
	}
	if !strings.ContainsFunc(s, func(r rune) bool { return r != ' ' && unicode.IsSpace(r) }) && !strings.Contains(s, "  ") {
		return s
	}
	return strings.Join(strings.Fields(s), " ")
}

// address keeps an address that a browser can open; the name of a file alone is none.
func (d *draft) address(what string, value any) string {
	s := table.FirstText(value)
	if first, _, several := strings.Cut(s, ", "); several {
		s = first
	}
	switch {
	case s == "":
		return ""
	case !isAddress(s) && !strings.HasPrefix(s, "/"), strings.ContainsAny(s, " \t\n"):
		d.report.drop(what + ": is no address")
		return ""
	case len(s) > 2048:
		d.report.drop(what + ": is too long")
		return ""
	}
	return s
}

func isAddress(s string) bool {
	return strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "//")
}

// availability reads a word for it, or a number of pieces.
func (d *draft) availability() shop.Availability {
	if value := d.best[roleAvailability].value; value != nil {
		word := table.FirstText(value)
		// schema.org writes https://schema.org/InStock.
		word = strings.ReplaceAll(plainName(word[strings.LastIndexByte(word, '/')+1:]), "_", "")
		switch word {
		case "instock", "available", "yes", "true", "y", "limitedavailability", "instoreonly", "onlineonly":
			return shop.InStock
		case "outofstock", "soldout", "unavailable", "notavailable", "discontinued", "no", "false", "n", "oos":
			return shop.OutOfStock
		case "preorder", "presale", "backorder", "onbackorder":
			return shop.Preorder
		}
		if pieces, _, err := table.Number(value); err == nil {
			return stocked(pieces)
		}
		if word != "" {
			d.report.drop("availability: is an unknown word")
		}
	}
	if value := d.best[roleStock].value; value != nil {
		if pieces, _, err := table.Number(value); err == nil {
			return stocked(pieces)
		}
		d.report.drop("stock: is no number")
	}
	return ""
}

func stocked(pieces float64) shop.Availability {
	if pieces > 0 {
		return shop.InStock
	}
	return shop.OutOfStock
}

package dataset

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// composeTitle makes a title for an item of a catalogue without titles: its narrowest category, the one above it where that
// adds a word, the brand and the size: "Potato Chips Bag Snacks, National Brand, 11.5 oz".
func composeTitle(path []string, brand, size string) string {
	if len(path) == 0 {
		return ""
	}
	narrow := unfold(path[len(path)-1])
	title := narrow
	if len(path) > 1 {
		if broad := unfold(path[len(path)-2]); len(path) > 2 && !shareWord(narrow, broad) {
			title += " " + broad
		}
	}
	parts := []string{title}
	switch strings.ToLower(brand) {
	case "":
	case "national":
		parts = append(parts, "National Brand")
	case "private":
		parts = append(parts, "Private Label")
	default:
		parts = append(parts, brand)
	}
	if size != "" {
		parts = append(parts, unitCase(size))
	}
	return strings.Join(parts, ", ")
}

// shareWord reports whether two texts have a word of four letters or more in common, but for a plural s.
func shareWord(a, b string) bool {
	split := func(r rune) bool { return !unicode.IsLetter(r) }
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(a), split) {
		words[strings.TrimSuffix(w, "s")] = true
	}
	for _, w := range strings.FieldsFunc(strings.ToLower(b), split) {
		if w = strings.TrimSuffix(w, "s"); len(w) > 3 && words[w] {
			return true
		}
	}
	return false
}

// abbreviations are what American grocers write for want of room, as in the product lists of Kroger.
var abbreviations = map[string]string{
	"frzn": "Frozen", "sft": "Soft", "drnk": "Drink", "drnks": "Drinks", "btl": "Bottle", "carb": "Carbonated", "sngl": "Single",
	"sgl": "Single", "srv": "Serve", "sv": "Serve", "pkg": "Package", "pkgd": "Packaged", "pckgd": "Packaged", "pnt": "Peanut",
	"btr": "Butter", "refrgratd": "Refrigerated", "refrig": "Refrigerated", "sherbts": "Sherbets", "bkd": "Baked", "fd": "Food",
	"sply": "Supply", "choc": "Chocolate", "sw": "Sweet", "gds": "Goods", "dnrs": "Dinners", "prem": "Premium", "pk": "Pack",
	"mult": "Multi", "liq": "Liquid", "veg": "Vegetable", "vegs": "Vegetables", "brd": "Bread", "chse": "Cheese", "crm": "Cream",
	"crmd": "Creamed", "ckn": "Chicken", "chix": "Chicken", "bnls": "Boneless", "flvrd": "Flavoured", "wht": "White",
	"whl": "Whole", "dnr": "Dinner", "mach": "Machine", "vend": "Vending", "sply's": "Supplies", "prod": "Products",
}

// unfold writes abbreviations out and drops a parenthesis that the export cut off.
func unfold(s string) string {
	if i := strings.LastIndexByte(s, '('); i > 0 && !strings.Contains(s[i:], ")") {
		s = strings.TrimSpace(s[:i])
	}
	var b strings.Builder
	word := func(w string) {
		if long, ok := abbreviations[strings.ToLower(w)]; ok {
			w = long
		}
		b.WriteString(w)
	}
	from := 0
	for i := 0; i < len(s); {
		r, width := utf8.DecodeRuneInString(s[i:])
		if !unicode.IsLetter(r) && r != '\'' {
			word(s[from:i])
			b.WriteString(s[i : i+width])
			from = i + width
		}
		i += width
	}
	word(s[from:])
	return strings.Join(strings.Fields(strings.ReplaceAll(b.String(), ":", ": ")), " ")
}

// titleCase writes a text in capitals with capitals at the beginning of its words alone.
func titleCase(s string) string {
	var b strings.Builder
	inside := false
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if inside {
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
		inside = unicode.IsLetter(r) || unicode.IsDigit(r) || inside && r == '\''
	}
	return b.String()
}

// unitCase writes the units of a size in lower case: "11.5 OZ" becomes "11.5 oz".
func unitCase(size string) string {
	words := strings.Fields(size)
	for i, w := range words {
		switch w {
		case "OZ", "LB", "LBS", "CT", "ML", "GAL", "PK", "IN", "FT", "QT", "PT", "GR", "KG", "X":
			words[i] = strings.ToLower(w)
		}
	}
	return strings.Join(words, " ")
}

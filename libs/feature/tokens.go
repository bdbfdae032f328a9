package feature

import (
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// Tokens appends the words of text to dst, in order. Letters are lower-cased and stripped of accents, full-width forms and
// ligatures are taken apart, apostrophes within a word are dropped, and a dot within a number stays. Scripts that write no
// spaces (Chinese, Japanese, Korean) give pairs of neighbouring characters; a character that stands alone gives itself.
func Tokens(dst []string, text string) []string {
	folded := text
	if !plain(text) {
		folded = string(appendFolded(make([]byte, 0, len(text)+16), text))
	}
	for token, rest := nextToken(folded); token != ""; token, rest = nextToken(rest) {
		dst = append(dst, token)
	}
	return dst
}

// Stem returns what a word and its plural have in common; it is a prefix of token, so it costs no memory. It is Harman's
// S-stemmer ("How effective is suffixing?", 1991), save that "ies" and "y" both fall away. Only the equality of two stems
// means anything.
func Stem(token string) string {
	n := len(token)
	if n < 4 || token[n-1] >= utf8.RuneSelf {
		return token
	}
	switch {
	case strings.HasSuffix(token, "ies") && n > 4 && !vowel(token[n-4]):
		return token[:n-3]
	case token[n-1] == 'y' && !vowel(token[n-2]):
		return token[:n-1]
	case token[n-1] != 's' || token[n-2] == 's' || token[n-2] == 'u' || !letter(token[n-2]):
		return token
	case token[n-2] == 'e' && (token[n-3] == 'x' || token[n-3] == 'h' && (token[n-4] == 's' || token[n-4] == 'c') || token[n-3] == 's' && token[n-4] == 's'):
		return token[:n-2]
	}
	return token[:n-1]
}

func vowel(c byte) bool  { return strings.IndexByte("aeiou", c) >= 0 }
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= utf8.RuneSelf }

// plain reports whether folding would change nothing that matters: text is ASCII without capitals, dots and apostrophes.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' || c == '.' || c == '\'' {
			return false
		}
	}
	return true
}

// nextToken returns the first token of folded text and what follows it; "" when there is none.
func nextToken(folded string) (token, rest string) {
	begin := 0
	for begin < len(folded) {
		r, size := rune(folded[begin]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(folded[begin:])
		}
		switch {
		case unspaced(r):
			return nextPair(folded, begin, begin+size)
		case inWord(r):
			end := begin + size
			for end < len(folded) {
				r, size = rune(folded[end]), 1
				if r >= utf8.RuneSelf {
					r, size = utf8.DecodeRuneInString(folded[end:])
				}
				if !inWord(r) || unspaced(r) {
					break
				}
				end += size
			}
			return folded[begin:end], folded[end:]
		}
		begin += size
	}
	return "", ""
}

// nextPair returns the pair of unspaced characters that begins at begin, whose first ends at middle. The last character of
// a run begins no pair, and is left out unless it is the whole run.
func nextPair(folded string, begin, middle int) (token, rest string) {
	r, size := utf8.DecodeRuneInString(folded[middle:])
	if !unspaced(r) {
		return folded[begin:middle], folded[middle:]
	}
	end := middle + size
	if after, _ := utf8.DecodeRuneInString(folded[end:]); unspaced(after) {
		return folded[begin:end], folded[middle:]
	}
	return folded[begin:end], folded[end:]
}

// nextTerm returns the hash of the stem of the first token of folded text and what follows it; 0 when there is none.
func nextTerm(folded []byte) (hash uint32, rest []byte) {
	if len(folded) == 0 {
		return 0, nil
	}
	// The string lives for this call alone and nothing writes to folded meanwhile, so it needs no copy.
	token, after := nextToken(unsafe.String(&folded[0], len(folded)))
	if token == "" {
		return 0, nil
	}
	return HashTerm(token), folded[len(folded)-len(after):]
}

// inWord reports whether r belongs to a word of folded text. A dot is only left there within a number.
func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r)
}

// unspaced reports whether r is of a script that writes no spaces, or joins characters to words as Korean does.
func unspaced(r rune) bool {
	switch {
	case r < 0x1100:
		return false
	case r >= 0x3041 && r <= 0x30ff, r >= 0x3400 && r <= 0x4dbf, r >= 0x4e00 && r <= 0x9fff, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff, r >= 0x20000 && r <= 0x3ffff:
		return r != '・'
	}
	return r == '々' || r == '〆' || r == '〇'
}

// appendFolded appends text in lower case, without accents, with full-width forms, ligatures and digits of other scripts
// made plain, and with a space for what is neither letter nor digit.
func appendFolded(dst []byte, text string) []byte {
	previous := rune(' ')
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		next := i + size
		if r >= 0xff01 && r <= 0xff5e {
			r -= 0xfee0
		}
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			dst = append(dst, byte(r))
		case r >= 'A' && r <= 'Z':
			r += 'a' - 'A'
			dst = append(dst, byte(r))
		case r == '.' && digit(previous) && next < len(text) && digit(rune(text[next])):
			dst = append(dst, '.')
		case (r == '\'' || r == '’' || r == 'ʼ') && unicode.IsLetter(previous):
			i = next
			continue
		case r < utf8.RuneSelf:
			dst = append(dst, ' ')
		case r >= 0x300 && r <= 0x36f:
			i = next
			continue
		default:
			dst = appendFoldedRune(dst, r)
		}
		previous, i = r, next
	}
	return dst
}

func digit(r rune) bool { return r >= '0' && r <= '9' }

// appendFoldedRune folds a rune beyond ASCII.
func appendFoldedRune(dst []byte, r rune) []byte {
	r = unicode.ToLower(r)
	if r >= 0xc0 && r < 0xc0+rune(len(latin)) {
		if plain := latin[r-0xc0]; plain != "" {
			return append(dst, plain...)
		}
	}
	switch {
	case r == 'ﬁ':
		return append(dst, "fi"...)
	case r == 'ﬂ':
		return append(dst, "fl"...)
	case r == '²' || r == '³':
		return append(dst, byte(r-'²')+'2')
	case r == '¹':
		return append(dst, '1')
	case r == 'ς':
		return append(dst, "σ"...)
	case r == 'ё':
		return append(dst, "е"...)
	case r >= 0xff66 && r <= 0xff9d:
		return utf8.AppendRune(dst, halfKatakana[r-0xff66])
	case r >= 0x1e00 && r <= 0x1eff:
		return appendExtended(dst, r)
	case unicode.IsLetter(r), unicode.IsDigit(r), unicode.Is(unicode.Mn, r):
		return utf8.AppendRune(dst, r)
	}
	return append(dst, ' ')
}

// appendExtended folds Latin Extended Additional, most of it Vietnamese, by the table additional.
func appendExtended(dst []byte, r rune) []byte {
	if base := additional[r-0x1e00]; base != '?' {
		return append(dst, base)
	}
	return utf8.AppendRune(dst, r)
}

// additional is the base letter of each rune from U+1E00 to U+1EFF; '?' leaves a rune as it is.
const additional = "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvv" +
	"wwwwwwwwwwxxxxyyzzzzzzhtwyas????aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy??????"

// halfKatakana is what the half-width forms U+FF66 to U+FF9D stand for.
var halfKatakana = [...]rune{
	'ヲ', 'ァ', 'ィ', 'ゥ', 'ェ', 'ォ', 'ャ', 'ュ', 'ョ', 'ッ', 'ー', 'ア', 'イ', 'ウ', 'エ', 'オ', 'カ', 'キ', 'ク', 'ケ', 'コ', 'サ', 'シ', 'ス', 'セ', 'ソ', 'タ', 'チ',
	'ツ', 'テ', 'ト', 'ナ', 'ニ', 'ヌ', 'ネ', 'ノ', 'ハ', 'ヒ', 'フ', 'ヘ', 'ホ', 'マ', 'ミ', 'ム', 'メ', 'モ', 'ヤ', 'ユ', 'ヨ', 'ラ', 'リ', 'ル', 'レ', 'ロ', 'ワ', 'ン',
}

// latin is what the letters from U+00C0 to U+017F are without their accents; "" leaves a rune as it is. Capitals are not
// looked up: they were lowered before.
var latin = [...]string{
	0xdf - 0xc0: "ss", 0xe0 - 0xc0: "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i",
	"d", "n", "o", "o", "o", "o", "o", " ", "o", "u", "u", "u", "u", "y", "th", "y",
	0x101 - 0xc0: "a", 0x103 - 0xc0: "a", 0x105 - 0xc0: "a", 0x107 - 0xc0: "c", 0x109 - 0xc0: "c", 0x10b - 0xc0: "c", 0x10d - 0xc0: "c",
	0x10f - 0xc0: "d", 0x111 - 0xc0: "d", 0x113 - 0xc0: "e", 0x115 - 0xc0: "e", 0x117 - 0xc0: "e", 0x119 - 0xc0: "e", 0x11b - 0xc0: "e",
	0x11d - 0xc0: "g", 0x11f - 0xc0: "g", 0x121 - 0xc0: "g", 0x123 - 0xc0: "g", 0x125 - 0xc0: "h", 0x127 - 0xc0: "h",
	0x129 - 0xc0: "i", 0x12b - 0xc0: "i", 0x12d - 0xc0: "i", 0x12f - 0xc0: "i", 0x131 - 0xc0: "i", 0x133 - 0xc0: "ij", 0x135 - 0xc0: "j",
	0x137 - 0xc0: "k", 0x13a - 0xc0: "l", 0x13c - 0xc0: "l", 0x13e - 0xc0: "l", 0x140 - 0xc0: "l", 0x142 - 0xc0: "l",
	0x144 - 0xc0: "n", 0x146 - 0xc0: "n", 0x148 - 0xc0: "n", 0x14b - 0xc0: "n", 0x14d - 0xc0: "o", 0x14f - 0xc0: "o", 0x151 - 0xc0: "o", 0x153 - 0xc0: "oe",
	0x155 - 0xc0: "r", 0x157 - 0xc0: "r", 0x159 - 0xc0: "r", 0x15b - 0xc0: "s", 0x15d - 0xc0: "s", 0x15f - 0xc0: "s", 0x161 - 0xc0: "s",
	0x163 - 0xc0: "t", 0x165 - 0xc0: "t", 0x167 - 0xc0: "t", 0x169 - 0xc0: "u", 0x16b - 0xc0: "u", 0x16d - 0xc0: "u", 0x16f - 0xc0: "u", 0x171 - 0xc0: "u", 0x173 - 0xc0: "u",
	0x175 - 0xc0: "w", 0x177 - 0xc0: "y", 0x17a - 0xc0: "z", 0x17c - 0xc0: "z", 0x17e - 0xc0: "z", 0x17f - 0xc0: "s",
}

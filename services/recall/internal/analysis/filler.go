package analysis

// Filler reports whether a folded word is one that a shopper types between those that matter, in English.
func Filler(word string) bool { return fillers[word] }

var fillers = map[string]bool{
	"a": true, "an": true, "and": true, "as": true, "at": true, "by": true, "for": true, "from": true, "in": true, "is": true, "it": true,
	"of": true, "on": true, "or": true, "that": true, "the": true, "to": true, "with": true, "without": true, "my": true, "me": true,
}

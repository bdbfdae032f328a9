package retrieve

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Kinds of remote back ends.
const (
	OpenSearch = "opensearch"
	Qdrant     = "qdrant"
)

// Address says where a remote back end is, and which of its collections is meant.
type Address struct {
	// Kind is one of the kinds.
	Kind string
	// Secure asks for TLS.
	Secure bool
	// Host is a name or an address, with a port.
	Host       string
	Collection string
	// Dims is how long vectors are; 0 has none.
	Dims int
}

// collections are names that both kinds take.
var collections = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,99}$`)

// ParseAddress reads an address such as opensearch+https://search:9200/items or qdrant+http://qdrant:6334/items?dims=64.
func ParseAddress(text string) (Address, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Address{}, errors.New("is no address such as opensearch+https://search:9200/items")
	}
	kind, scheme, _ := strings.Cut(u.Scheme, "+")
	a := Address{Kind: kind, Secure: scheme == "https", Host: u.Host, Collection: strings.TrimPrefix(u.Path, "/")}
	switch {
	case kind != OpenSearch && kind != Qdrant, scheme != "http" && scheme != "https":
		return Address{}, errors.New("must begin with opensearch+http://, opensearch+https://, qdrant+http:// or qdrant+https://")
	case u.User != nil:
		return Address{}, errors.New("must not hold a password, which belongs in a file")
	case u.Hostname() == "" || u.Port() == "":
		return Address{}, errors.New("must name a host and a port")
	case !collections.MatchString(a.Collection):
		return Address{}, errors.New("must end in the name of a collection: up to 100 lower-case letters, digits, - and _")
	}
	for key, values := range u.Query() {
		if key != "dims" {
			return Address{}, fmt.Errorf("has the unknown option %q", key)
		}
		if a.Dims, err = strconv.Atoi(values[0]); err != nil || a.Dims < 1 || a.Dims > shop.MaxVector {
			return Address{}, fmt.Errorf("dims must be from 1 to %d", shop.MaxVector)
		}
	}
	return a, nil
}

// Login is what a back end asks for. OpenSearch takes both, Qdrant the password alone, as its key.
type Login struct {
	User, Password string
}

// ParseLogin reads the first line of a file: user:password, or a key alone.
func ParseLogin(text string) Login {
	line, _, _ := strings.Cut(text, "\n")
	line = strings.TrimSpace(line)
	if user, password, ok := strings.Cut(line, ":"); ok {
		return Login{User: user, Password: password}
	}
	return Login{Password: line}
}

// Opener makes a retriever. It does not wait for the back end to be there.
type Opener func(Address, Login) (Retriever, error)

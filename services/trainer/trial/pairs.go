package trial

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// pairs are users with their items, both numbered in the order in which they came.
type pairs struct {
	users, items numbers
}

// numbers gives names numbers from 0.
type numbers struct {
	at    map[string]uint32
	names []string
}

// of returns the number of a name, a new one when it is new.
func (n *numbers) of(name string) uint32 {
	if at, ok := n.at[name]; ok {
		return at
	}
	if n.at == nil {
		n.at = map[string]uint32{}
	}
	at := uint32(len(n.names))
	name = strings.Clone(name)
	n.names = append(n.names, name)
	n.at[name] = at
	return at
}

// longestLine is how long a line may be, in bytes: a user of a million items.
const longestLine = 16 << 20

// readPairs reads a gzipped file of lines "user TAB items", the items apart by spaces, behind a line that says so. A user may stand
// on several lines. Each fault is named with its line.
func readPairs(path string, into *pairs) (lists map[uint32][]uint32, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read interactions: %w", err)
	}
	defer file.Close()
	var text io.Reader
	if text, err = gzip.NewReader(bufio.NewReader(file)); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 64<<10), longestLine)
	lists = map[uint32][]uint32{}
	at := 0
	for lines.Scan() {
		at++
		line := strings.TrimRight(lines.Text(), "\r")
		if at == 1 && strings.HasPrefix(line, "user\t") {
			continue
		}
		if line == "" {
			continue
		}
		user, items, ok := strings.Cut(line, "\t")
		if !ok || strings.TrimSpace(user) == "" {
			return nil, fmt.Errorf("read %s: line %d has no user and items with a tab between them: %s", path, at, strconv.Quote(shorten(line)))
		}
		if strings.Contains(items, "\t") {
			return nil, fmt.Errorf("read %s: line %d has more than one tab", path, at)
		}
		u := into.users.of(strings.TrimSpace(user))
		lists[u] = slices.Grow(lists[u], 1+strings.Count(items, " "))
		for name := range strings.FieldsSeq(items) {
			lists[u] = append(lists[u], into.items.of(name))
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("is longer than %d bytes", longestLine)
		}
		return nil, fmt.Errorf("read %s: line %d: %w", path, at+1, err)
	}
	if len(lists) == 0 {
		return nil, fmt.Errorf("read %s: it holds no user", path)
	}
	return lists, nil
}

// shorten returns the beginning of a line.
func shorten(line string) string {
	const most = 60
	if len(line) <= most {
		return line
	}
	return line[:most] + "..."
}

package trial

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// maxLine bounds a line of a data file.
const maxLine = 16 << 20

// eachLine calls f with every line of a gzip-compressed text file. An error of f names the file and the line, from 1.
func eachLine(path string, f func(line string) error) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read data: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	text, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, maxLine)
	number := 1
	for ; lines.Scan(); number++ {
		if err := f(lines.Text()); err != nil {
			return fmt.Errorf("read %s: line %d: %w", path, number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: line %d: %w", path, number, err)
	}
	return nil
}

// numbering gives items numbers from 0, in the order in which they come.
type numbering map[string]uint32

// number returns the number of an item, a new one when it is new.
func (n numbering) number(item string) uint32 {
	i, ok := n[item]
	if !ok {
		i = uint32(len(n))
		n[strings.Clone(item)] = i
	}
	return i
}

// items reads a list of items between spaces.
func (n numbering) items(text string) ([]uint32, error) {
	var items []uint32
	for field := range strings.FieldsSeq(text) {
		if _, err := strconv.ParseUint(field, 10, 63); err != nil {
			return nil, fmt.Errorf("item %q is not a whole number of at least 0", field)
		}
		if len(n) == math.MaxInt32 {
			return nil, errors.New("there are too many items")
		}
		items = append(items, n.number(field))
	}
	if len(items) == 0 {
		return nil, errors.New("there is no item")
	}
	return items, nil
}

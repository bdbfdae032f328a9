package trial

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// record is one document as its JSON line says: field names and values.
type record map[string]any

// text returns a field as text: a list is joined by spaces, what is missing is "".
func (r record) text(field string) string {
	switch v := r[field].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case []any:
		parts := make([]string, 0, len(v))
		for _, part := range v {
			parts = append(parts, record{"": part}.text(""))
		}
		return strings.Join(parts, " ")
	}
	return ""
}

// judgements are documents, and queries with graded answers.
type judgements struct {
	records []record
	// id is the field that the judgements name documents by.
	id      string
	queries []judgedQuery
	// trec says that the folder has topics beside its judgements: a text collection, not a shop.
	trec bool
}

// judgedQuery is a query with the grades of documents by their ids.
type judgedQuery struct {
	text   string
	grades map[string]float64
}

// readJudgements reads a folder: documents in products.jsonl.gz or docs.jsonl.gz (plain .jsonl too), judgements in qrels.tsv
// (query, id, grade; a header line is passed over) or, in the form of TREC, in a file named qrels* with topics in one named topics*.
// Field id names documents; "" looks for the field that most judgements name.
func readJudgements(dir, id string) (*judgements, error) {
	j := &judgements{id: id}
	path, err := findFile(dir, "products.jsonl.gz", "products.jsonl", "docs.jsonl.gz", "docs.jsonl")
	if err != nil {
		return nil, err
	}
	if err := eachLine(path, func(line []byte) error {
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		r := record{}
		if err := decoder.Decode(&r); err != nil {
			return err
		}
		j.records = append(j.records, r)
		return nil
	}); err != nil {
		return nil, err
	}
	if path, err = findFile(dir, "qrels.tsv", "qrels*"); err != nil {
		return nil, err
	}
	topics, err := findFile(dir, "topics*")
	if j.trec = err == nil; !j.trec && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := j.readQrels(path, topics); err != nil {
		return nil, err
	}
	return j, j.findID()
}

// findFile returns the first file of dir that fits a name or a pattern.
func findFile(dir string, patterns ...string) (string, error) {
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("open folder: %w", err)
	}
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err == nil && len(found) > 0 {
			slices.Sort(found)
			return found[0], nil
		}
	}
	return "", fmt.Errorf("%s has none of %s: %w", dir, strings.Join(patterns, ", "), os.ErrNotExist)
}

// eachLine calls take for each line of a file that is not empty, unpacked when its name says so. A fault names file and line.
func eachLine(path string, take func(line []byte) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var source io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		unpacked, err := gzip.NewReader(file)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		source = unpacked
	}
	lines := bufio.NewScanner(source)
	lines.Buffer(make([]byte, 1<<16), 1<<26)
	n := 0
	for lines.Scan() {
		n++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if err := take(line); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", path, n+1, err)
	}
	return nil
}

func (j *judgements) readQrels(path, topics string) error {
	var texts map[string]string
	if j.trec {
		var err error
		if texts, err = readTopics(topics); err != nil {
			return err
		}
	}
	at := map[string]int{}
	n := 0
	err := eachLine(path, func(line []byte) error {
		n++
		query, document, grade, err := splitQrel(string(line), j.trec)
		if err != nil {
			if n == 1 && !j.trec {
				return nil // the header
			}
			return err
		}
		text := query
		if j.trec {
			var ok bool
			if text, ok = texts[query]; !ok {
				return fmt.Errorf("topic %q has no text in %s", query, topics)
			}
		}
		i, ok := at[query]
		if !ok {
			i = len(j.queries)
			at[query] = i
			j.queries = append(j.queries, judgedQuery{text: text, grades: map[string]float64{}})
		}
		j.queries[i].grades[document] = grade
		return nil
	})
	if err == nil && len(j.queries) == 0 {
		err = fmt.Errorf("%s has no judgement", path)
	}
	return err
}

// splitQrel takes a line apart: query, document and grade between tabs, or topic, iteration, document and grade between spaces.
func splitQrel(line string, trec bool) (query, document string, grade float64, err error) {
	parts := strings.Split(line, "\t")
	if trec {
		parts = strings.Fields(line)
	}
	switch {
	case trec && len(parts) == 4:
		query, document, line = parts[0], parts[2], parts[3]
	case !trec && len(parts) >= 3:
		query, document, line = parts[0], parts[1], parts[2]
	default:
		return "", "", 0, fmt.Errorf("%d columns, want query, id and grade", len(parts))
	}
	if grade, err = strconv.ParseFloat(strings.TrimSpace(line), 64); err != nil {
		return "", "", 0, fmt.Errorf("grade %q is no number", line)
	}
	return strings.TrimSpace(query), strings.TrimSpace(document), max(grade, 0), nil
}

var (
	topicPattern  = regexp.MustCompile(`(?s)<(DOC|top)>(.*?)</(DOC|top)>`)
	numberPattern = regexp.MustCompile(`<DOCNO>\s*(\S+)\s*</DOCNO>|<num>\s*(?:Number:)?\s*(\S+)`)
	titlePattern  = regexp.MustCompile(`(?s)<title>\s*(?:Topic:)?(.*?)(?:<desc>|<narr>|$)`)
)

// readTopics reads topics in the markup of TREC: number and title, or a whole document as the query.
func readTopics(path string) (map[string]string, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, topic := range topicPattern.FindAllSubmatch(file, -1) {
		body := string(topic[2])
		number := numberPattern.FindStringSubmatch(body)
		if number == nil {
			return nil, fmt.Errorf("%s: a topic without a number: %.60q", path, body)
		}
		text := strings.Replace(body, number[0], "", 1)
		if title := titlePattern.FindStringSubmatch(text); title != nil {
			text = title[1]
		}
		texts[number[1]+number[2]] = strings.TrimSpace(text)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s has no topic", path)
	}
	return texts, nil
}

// findID checks the field of ids, or looks for the one whose values are named by most judgements, of equal ones the first by name.
func (j *judgements) findID() error {
	judged := map[string]bool{}
	for _, q := range j.queries {
		for id := range q.grades {
			judged[id] = true
		}
	}
	hits := map[string]int{}
	for _, r := range j.records {
		for field := range r {
			if judged[r.text(field)] {
				hits[field]++
			}
		}
	}
	if j.id == "" {
		for field, n := range hits {
			if best := hits[j.id]; n > best || (n == best && field < j.id) {
				j.id = field
			}
		}
	}
	if hits[j.id] == 0 {
		return fmt.Errorf("no judgement names a document by its field %q", j.id)
	}
	return nil
}

var tagPattern = regexp.MustCompile(`(?s)<[/!a-zA-Z][^>]*>`)

// bare takes the markup out of a text.
func bare(text string) string {
	if !strings.Contains(text, "<") {
		return text
	}
	return html.UnescapeString(tagPattern.ReplaceAllString(text, " "))
}

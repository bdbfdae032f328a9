package opensearch

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

// object is a JSON object; encoding/json writes its keys in the order of the alphabet.
type object = map[string]any

// keptVersions is for how long the version of a deleted item is kept: what is older and comes later than this would be taken.
const keptVersions = "10m"

// schema is the settings and the mapping of a new index. What filters compare is folded here, not by the server, so that a filter means
// the same as in the own index.
func schema(dims int) []byte {
	keyword, words := object{"type": "keyword"}, object{"type": "text", "analyzer": "english"}
	searchable := object{"type": "keyword", "fields": object{"text": words}}
	properties := object{
		"id": keyword,
		// Stems of English, words as they stand, and pairs of characters for scripts without spaces.
		"title": object{"type": "text", "analyzer": "english", "fields": object{
			"standard": object{"type": "text", "analyzer": "standard"}, "cjk": object{"type": "text", "analyzer": "cjk"},
		}},
		"description":  words,
		"brand":        searchable,
		"category":     searchable,
		"values":       words,
		"availability": keyword,
		"available":    object{"type": "boolean"},
		"price":        object{"type": "double"},
		"created_at":   object{"type": "long"},
		"attributes":   keyword,
		"numbers":      object{"type": "nested", "properties": object{"key": keyword, "value": object{"type": "double"}}},
	}
	index := object{"gc_deletes": keptVersions, "refresh_interval": "1s"}
	if dims > 0 {
		index["knn"] = true
		properties["vector"] = object{"type": "knn_vector", "dimension": dims, "method": object{
			"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil",
		}}
	}
	text, err := json.Marshal(object{"settings": object{"index": index}, "mappings": object{"dynamic": "strict", "properties": properties}})
	if err != nil {
		panic("BUG: the schema cannot be encoded: " + err.Error())
	}
	return text
}

// document is an item as the index holds it.
type document struct {
	ID           shop.ItemID       `json:"id"`
	Title        []string          `json:"title"`
	Description  string            `json:"description,omitempty"`
	Brand        string            `json:"brand,omitempty"`
	Category     []string          `json:"category,omitempty"`
	Values       []string          `json:"values,omitempty"`
	Availability string            `json:"availability"`
	Available    bool              `json:"available"`
	Price        float64           `json:"price,omitempty"`
	CreatedAt    int64             `json:"created_at,omitempty"`
	Attributes   []string          `json:"attributes,omitempty"`
	Numbers      []retrieve.Number `json:"numbers,omitempty"`
	Vector       []float32         `json:"vector,omitempty"`
}

// documentOf makes the document of an item, for an index of vectors of so many numbers; 0 has no place for one.
func documentOf(c *retrieve.Change, dims int) document {
	facts, texts := retrieve.FactsOf(c.Item), retrieve.TextsOf(c.Item)
	d := document{
		ID: c.ID, Title: texts.Title, Description: texts.Description, Values: texts.Attributes,
		Brand: facts.Brand, Category: facts.Category, Availability: facts.Availability, Available: facts.Available,
		Price: facts.Price, CreatedAt: facts.Created, Attributes: facts.Attributes, Numbers: facts.Numbers,
		Vector: retrieve.VectorOf(c.Item, dims),
	}
	return d
}

// target says what a line of a bulk request is about.
type target struct {
	ID          shop.ItemID `json:"_id"`
	Version     uint64      `json:"version,omitempty"`
	VersionType string      `json:"version_type,omitempty"`
}

// bulkBody is the body of a bulk request: a line for each deletion, and two for each item.
func bulkBody(batch []retrieve.Change, dims int) ([]byte, error) {
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	for i := range batch {
		c := &batch[i]
		to := target{ID: c.ID, Version: c.Version}
		if c.Version > 0 {
			// The same version may come again: delivery is at least once.
			to.VersionType = "external_gte"
		}
		action := "index"
		if c.Item == nil {
			action = "delete"
		}
		if err := lines.Encode(map[string]target{action: to}); err != nil {
			return nil, fmt.Errorf("encode item %s: %w", c.ID, err)
		}
		if c.Item == nil {
			continue
		}
		if err := lines.Encode(documentOf(c, dims)); err != nil {
			return nil, fmt.Errorf("encode item %s: %w", c.ID, err)
		}
	}
	return body.Bytes(), nil
}

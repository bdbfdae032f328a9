package haggle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// client asks a gateway as a storefront would.
type client struct {
	url  string
	http *http.Client
}

func newClient(url string) *client {
	return &client{url: url, http: &http.Client{Timeout: 15 * time.Second}}
}

// answer is what the tests read of an answer of /v1/search and its kin.
type answer struct {
	Status           int    `json:"-"`
	RequestID        string `json:"request_id"`
	AttributionToken string `json:"attribution_token"`
	Results          []struct {
		ID      string  `json:"id"`
		Score   float64 `json:"score"`
		Item    item    `json:"item"`
		Reasons []struct {
			Code string `json:"code"`
		} `json:"reasons"`
	} `json:"results"`
	Facets []struct {
		Key    string `json:"key"`
		Values []struct {
			Value string `json:"value"`
			Count int    `json:"count"`
		} `json:"values"`
	} `json:"facets"`
	TotalSize      int      `json:"total_size"`
	CorrectedQuery string   `json:"corrected_query"`
	Degraded       []string `json:"degraded"`
	Cost           *struct {
		MarginalNano    float64 `json:"marginal_nano"`
		FullyLoadedNano float64 `json:"fully_loaded_nano"`
		Stages          []struct {
			Name    string  `json:"name"`
			Variant string  `json:"variant"`
			CPU     float64 `json:"cpu_us"`
		} `json:"stages"`
	} `json:"cost"`
	header http.Header
	body   string
}

type item struct {
	Title string  `json:"title"`
	Brand string  `json:"brand"`
	Price float64 `json:"price"`
}

func (a answer) ids() []string {
	ids := make([]string, len(a.Results))
	for i, r := range a.Results {
		ids[i] = r.ID
	}
	return ids
}

// do sends one request and decodes the answer into out unless that is nil.
func (c *client) do(method, path string, body, out any) (status int, header http.Header, text string, err error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return 0, nil, "", err
		}
		reader = bytes.NewReader(encoded)
	}
	request, err := http.NewRequest(method, c.url+path, reader)
	if err != nil {
		return 0, nil, "", err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, "", err
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, "", err
	}
	if out != nil && response.StatusCode < 300 {
		if err := json.Unmarshal(all, out); err != nil {
			return response.StatusCode, response.Header, string(all), fmt.Errorf("decode the answer of %s: %w", path, err)
		}
	}
	return response.StatusCode, response.Header, string(all), nil
}

// ask sends a query and wants 200.
func (c *client) ask(t testing.TB, path string, body any) answer {
	t.Helper()
	a, err := c.try(path, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// try sends a query; anything but 200 is an error.
func (c *client) try(path string, body any) (answer, error) {
	var a answer
	method := http.MethodPost
	if body == nil {
		method = http.MethodGet
	}
	status, header, text, err := c.do(method, path, body, &a)
	if err != nil {
		return a, err
	}
	if status != http.StatusOK {
		return a, fmt.Errorf("%s %s: %d %s", method, path, status, text)
	}
	a.Status, a.header, a.body = status, header, text
	return a, nil
}

// search asks /v1/search.
func (c *client) search(t testing.TB, visitor, query string) answer {
	t.Helper()
	return c.ask(t, "/v1/search", map[string]any{"query": query, "visitor_id": visitor, "page_size": 20})
}

// recommend asks /v1/recommend/{placement}.
func (c *client) recommend(t testing.TB, visitor, placement string) answer {
	t.Helper()
	return c.ask(t, "/v1/recommend/"+placement, map[string]any{"visitor_id": visitor, "page_size": 20})
}

// event posts one event and wants it to be accepted.
func (c *client) event(t testing.TB, event map[string]any) {
	t.Helper()
	status, _, text, err := c.do(http.MethodPost, "/v1/events", map[string]any{"events": []any{event}}, nil)
	if err != nil || status >= 300 {
		t.Fatalf("post event: %d %s %v", status, text, err)
	}
}

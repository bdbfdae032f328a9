package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway/internal/answer"
	"github.com/haggle-commerce/haggle/services/gateway/internal/intake"
	"github.com/haggle-commerce/haggle/services/gateway/internal/keyring"
	"github.com/haggle-commerce/haggle/services/gateway/internal/problem"
	"github.com/haggle-commerce/haggle/services/gateway/internal/request"
	"github.com/haggle-commerce/haggle/services/gateway/internal/spend"
)

// document is the description of the API, written once.
type document struct {
	json, yaml []byte
}

func (d *document) serveJSON(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	w.(*exchange).send(http.StatusOK, d.json)
}

func (d *document) serveYAML(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+yaml")
	w.(*exchange).send(http.StatusOK, d.yaml)
}

// apiConfig is what huma is to know. Nothing is served by huma itself.
func apiConfig() huma.Config {
	c := huma.DefaultConfig("haggle", "1")
	c.Info.Description = "Search and recommendations for an online shop, with what each query cost."
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "A publishable key for queries and events, a secret key for everything."},
		"key":    {Type: "apiKey", In: "header", Name: "X-Api-Key", Description: "The same keys in a header of their own."},
	}
	return c
}

// schemaName names the schema of a type: two packages have a Stage, and events are called what they are.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	switch path := t.PkgPath(); {
	case t.Name() == "Document":
		return "Events"
	case strings.HasPrefix(t.Name(), "Document"):
		return "Event" + strings.TrimPrefix(strings.TrimPrefix(t.Name(), "Document"), "Event")
	case strings.HasSuffix(path, "/spend"):
		return "Cost" + name
	case strings.HasSuffix(path, "/registry"):
		return "Model" + name
	}
	return name
}

func describe(api *huma.OpenAPI) document {
	// A result's item is stored as it will be sent; its schema is that of an item.
	schemas := api.Components.Schemas
	schemas.Map()["Result"].Properties["item"] = schemas.Schema(reflect.TypeFor[shop.Item](), true, "Item")
	text, err := json.MarshalIndent(api, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("BUG: the API cannot be described: %v", err))
	}
	yaml, err := api.YAML()
	if err != nil {
		panic(fmt.Sprintf("BUG: the API cannot be described: %v", err))
	}
	return document{json: append(text, '\n'), yaml: yaml}
}

// describer builds descriptions.
type describer struct{ schemas huma.Registry }

// op describes an endpoint that answers with JSON of type answer; body is nil or what it takes.
func (d describer) op(method, path, id, summary string, scope keyring.Scope, answered reflect.Type) operation {
	op := operation{scope: scope, Operation: huma.Operation{
		Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{scope.String()},
		Security:  []map[string][]string{{"bearer": {}}, {"key": {}}},
		Responses: map[string]*huma.Response{},
	}}
	d.answers(&op, http.StatusOK, answered, "application/json", "The answer.")
	op.Responses["default"] = &huma.Response{
		Description: "A problem: 400 malformed, 401 and 403 key, 404, 409, 413 too large, 415, 422 invalid, 429 and 503 with Retry-After.",
		Content:     map[string]*huma.MediaType{problem.ContentType: {Schema: d.schemas.Schema(reflect.TypeFor[problem.Problem](), true, "Problem")}},
	}
	return op
}

func (d describer) answers(op *operation, status int, t reflect.Type, media, description string) {
	r := &huma.Response{Description: description, Headers: map[string]*huma.Param{
		"X-Request-Id": {Schema: &huma.Schema{Type: huma.TypeString}},
	}}
	if t != nil {
		r.Content = map[string]*huma.MediaType{media: {Schema: d.schemas.Schema(t, true, "")}}
	}
	if t == reflect.TypeFor[answer.Answer]() {
		r.Headers["Haggle-Cost"] = &huma.Param{Schema: &huma.Schema{Type: huma.TypeString}, Description: "What the query cost, in short."}
		r.Headers["Server-Timing"] = &huma.Param{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	op.Responses[strconv.Itoa(status)] = r
}

// takes completes an endpoint that reads a body of type t.
func (op operation) takes(d describer, t reflect.Type, media []string, handle func(*exchange, *http.Request) error) operation {
	op.media, op.handle, op.Parameters = media, handle, pathParams(op.Path)
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
	for _, m := range media {
		op.RequestBody.Content[m] = &huma.MediaType{Schema: d.schemas.Schema(t, true, "")}
	}
	return op
}

// does completes an endpoint without a body; queries are its parameters in the address.
func (op operation) does(handle func(*exchange, *http.Request) error, queries ...*huma.Param) operation {
	op.handle, op.queries = handle, len(queries) > 0
	op.Parameters = append(pathParams(op.Path), queries...)
	return op
}

// pathParams describes the {parts} of a path.
func pathParams(path string) []*huma.Param {
	var params []*huma.Param
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			most := shop.MaxIDBytes
			params = append(params, &huma.Param{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &most}})
		}
	}
	return params
}

func textParam(name, doc string, most int) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: doc, Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &most}}
}

func sizeParam(most int) *huma.Param {
	low, high := 1.0, float64(most)
	return &huma.Param{Name: "page_size", In: "query", Description: "How many to return.", Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: &low, Maximum: &high}}
}

// who are the parameters that say on whose behalf a query comes.
func who() []*huma.Param {
	return []*huma.Param{
		textParam("visitor_id", "The shop's identifier of the device or browser.", shop.MaxIDBytes),
		textParam("user_id", "The shop's identifier of the account.", shop.MaxIDBytes),
		textParam("session_id", "The visit.", shop.MaxIDBytes),
	}
}

// operations lists all endpoints.
func (g *gateway) operations(schemas huma.Registry) []operation {
	d := describer{schemas}
	found, event := reflect.TypeFor[answer.Answer](), reflect.TypeFor[intake.Document]()
	item := reflect.TypeFor[shop.Item]()
	queries := []operation{
		d.op("POST", "/v1/search", "search", "Search the catalogue", keyring.Public, found).takes(d, reflect.TypeFor[request.Search](), jsonMedia, (*exchange).search),
		d.op("POST", "/v1/recommend/{placement}", "recommend", "Recommend items for a place on a page", keyring.Public, found).
			takes(d, reflect.TypeFor[request.Recommend](), jsonMedia, (*exchange).recommend),
		d.op("GET", "/v1/items/{id}/similar", "similar", "Items like this one", keyring.Public, found).
			does((*exchange).similar, append(who(), sizeParam(request.MaxPageSize), explainParam())...),
		d.op("GET", "/v1/items/{id}/bought-together", "boughtTogether", "Items bought together with this one", keyring.Public, found).
			does((*exchange).together, append(who(), sizeParam(request.MaxPageSize), explainParam())...),
		d.op("GET", "/v1/trending", "trending", "Items that many want now", keyring.Public, found).
			does((*exchange).trending, append(who(), sizeParam(request.MaxPageSize), textParam("category", "Only items of this category.", shop.MaxValueBytes))...),
		d.op("GET", "/v1/autocomplete", "autocomplete", "How a query might go on", keyring.Public, reflect.TypeFor[answer.Completions]()).
			does((*exchange).autocomplete, textParam("q", "What was typed so far.", request.MaxQuery), sizeParam(20), textParam("language", "BCP 47 language of the shopper.", 35)),
	}
	events := []operation{
		d.op("POST", eventsPath, "events", "Send up to 1,000 events; each is judged alone", keyring.Public, reflect.TypeFor[EventsAnswer]()).takes(d, event, jsonMedia, (*exchange).events),
		d.empty(d.op("POST", beaconPath, "eventsBeacon", "Send events by navigator.sendBeacon; the key may be in ?key=", keyring.Public, nil)).takes(d, event, beaconMedia, (*exchange).beacon),
		d.op("POST", importPath, "eventsImport", "Import history: one event per line, times as they are", keyring.Secret, reflect.TypeFor[ImportAnswer]()).
			takes(d, reflect.TypeFor[intake.DocumentEvent](), linesMedia, (*exchange).importEvents),
	}
	items := []operation{
		d.op("GET", "/v1/items/{id}", "getItem", "An item as it was stored", keyring.Public, item).does((*exchange).getItem),
		d.op("PUT", "/v1/items/{id}", "putItem", "Store an item", keyring.Secret, item).takes(d, item, jsonMedia, (*exchange).putItem),
		d.op("PATCH", "/v1/items/{id}", "patchItem", "Change some fields of an item; null takes one away", keyring.Secret, item).takes(d, item, jsonMedia, (*exchange).patchItem),
		d.empty(d.op("DELETE", "/v1/items/{id}", "deleteItem", "Take an item out of the catalogue", keyring.Secret, nil)).does((*exchange).deleteItem),
		d.op("POST", batchPath, "putItems", "Store many items: one per line in, one result per line out", keyring.Secret, reflect.TypeFor[LineResult]()).takes(d, item, linesMedia, (*exchange).putItems),
	}
	insight := []operation{
		d.op("GET", "/v1/models", "models", "The models, newest first", keyring.Secret, reflect.TypeFor[ModelsAnswer]()).does((*exchange).models),
		d.op("GET", "/v1/cost", "cost", "What queries cost", keyring.Secret, reflect.TypeFor[spend.Report]()).
			does((*exchange).cost, textParam("window", "How far back: 5m, 1h (when left out), up to 24h.", 16), textParam("group_by", "Some of purpose, placement, variant; commas between.", 64)),
	}
	return slices.Concat(queries, events, items, insight)
}

func explainParam() *huma.Param {
	return &huma.Param{Name: "explain", In: "query", Description: "Adds the scores behind each result.", Schema: &huma.Schema{Type: huma.TypeBoolean}}
}

// empty turns the answer of an endpoint into 204.
func (d describer) empty(op operation) operation {
	delete(op.Responses, strconv.Itoa(http.StatusOK))
	d.answers(&op, http.StatusNoContent, nil, "", "Done.")
	return op
}

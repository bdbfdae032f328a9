package gateway

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/httprate"

	"github.com/haggle-commerce/haggle/libs/observe"
	"github.com/haggle-commerce/haggle/services/gateway/internal/keyring"
	"github.com/haggle-commerce/haggle/services/gateway/internal/problem"
)

// Paths that are treated in a way of their own before they are routed.
const (
	eventsPath = "/v1/events"
	beaconPath = "/v1/events:beacon"
	importPath = "/v1/events:import"
	batchPath  = "/v1/items:batch"
	itemsPath  = "/v1/items/"
	maxPath    = 2048
)

// operation is one endpoint: how it is described, who may use it, and what it does.
type operation struct {
	huma.Operation
	scope  keyring.Scope
	handle func(*exchange, *http.Request) error
	// media are the types that the body may have, none for an endpoint without; queries says that there are parameters in the address.
	media   []string
	queries bool
}

// The media types that endpoints take.
var (
	jsonMedia   = []string{"application/json"}
	linesMedia  = []string{"application/x-ndjson", "application/jsonl", "application/json", "text/plain"}
	beaconMedia = []string{"text/plain", "application/json", "application/x-www-form-urlencoded"}
)

// streams reports whether the endpoint at path reads its body as it comes.
func (g *gateway) streams(path string) bool { return path == importPath || path == batchPath }

// bodyLimit is how long a body at path may be.
func (g *gateway) bodyLimit(path string) int {
	switch {
	case path == eventsPath, path == beaconPath:
		return maxEventsBody
	case strings.HasPrefix(path, itemsPath):
		return maxItemBody
	}
	return maxQueryBody
}

// routes builds the handler of all endpoints and their description.
func (g *gateway) routes() http.Handler {
	router := chi.NewRouter()
	router.NotFound(func(w http.ResponseWriter, _ *http.Request) { fail(w, notHere()) })
	router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed(router, r.URL.Path), ", "))
		fail(w, problem.New(http.StatusMethodNotAllowed, problem.BadMethod, "the path does not take this method"))
	})
	api := humachi.New(router, apiConfig())
	scopes := map[string]keyring.Scope{}
	limiter := g.limiter()
	for _, op := range g.operations(api.OpenAPI().Components.Schemas) {
		scopes[op.Method+" "+op.Path] = op.scope
		api.OpenAPI().AddOperation(&op.Operation)
		// The handlers read and write for themselves: what huma's own would cost is in the decision record.
		api.Adapter().Handle(&op.Operation, func(ctx huma.Context) {
			r, w := humachi.Unwrap(ctx)
			x := w.(*exchange)
			if err := g.enter(x, r, &op, limiter); err != nil {
				x.fail(err)
			} else if err := op.handle(x, r); err != nil {
				x.fail(err)
			}
		})
	}
	g.openapi = describe(api.OpenAPI())
	router.Get("/openapi.json", g.openapi.serveJSON)
	router.Get("/openapi.yaml", g.openapi.serveYAML)
	router.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.(*exchange).send(http.StatusOK, []byte(`{"status":"ok"}`))
	})
	if g.page != nil {
		router.Mount("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// Each query of a page is measured for itself.
			w.(*exchange).watch.pause()
			g.page.ServeHTTP(w, r)
		}))
	}
	return g.allowOrigins(router, scopes)
}

// fail answers with a problem outside an endpoint.
func fail(w http.ResponseWriter, p *problem.Problem) { w.(*exchange).fail(p) }

func notHere() *problem.Problem {
	return problem.New(http.StatusNotFound, problem.NotFound, "there is no such path; /openapi.json lists them")
}

// allowed returns the methods that the router takes at path.
func allowed(router *chi.Mux, path string) []string {
	var methods []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if router.Match(chi.NewRouteContext(), m, path) {
			methods = append(methods, m)
		}
	}
	return methods
}

// limiter returns the limit of requests per key, or nil when there is none.
func (g *gateway) limiter() *httprate.RateLimiter {
	if g.config.Rate == 0 {
		return nil
	}
	return httprate.NewRateLimiter(g.config.Rate, time.Minute, httprate.WithResponseHeaders(httprate.ResponseHeaders{
		Limit: "RateLimit-Limit", Remaining: "RateLimit-Remaining", Reset: "RateLimit-Reset", RetryAfter: "Retry-After",
	}))
}

// enter checks who comes and with what, in the order of admission: the key, its quota, then the form of what it brings.
func (g *gateway) enter(x *exchange, r *http.Request, op *operation, limiter *httprate.RateLimiter) error {
	key := presented(r)
	x.scope = x.keys.ring.Scope(key)
	switch {
	case x.scope == keyring.Nothing && key == "":
		return problem.New(http.StatusUnauthorized, problem.BadKey, "a key is needed: Authorization: Bearer KEY, or X-Api-Key: KEY")
	case x.scope == keyring.Nothing:
		return problem.New(http.StatusUnauthorized, problem.BadKey, "the key is not valid")
	case x.scope < op.scope:
		return problem.New(http.StatusForbidden, problem.Forbidden, "the key has the scope "+x.scope.String()+", this needs "+op.scope.String())
	}
	if limiter != nil {
		if key == "" {
			key = r.RemoteAddr[:max(0, strings.LastIndexByte(r.RemoteAddr, ':'))]
		}
		if limiter.OnLimit(x, r, key) {
			g.metrics.shed.WithLabelValues("rate").Inc()
			return problem.New(http.StatusTooManyRequests, problem.RateLimited, "more requests than this key may send in a minute")
		}
	}
	if len(r.URL.Path) > maxPath || len(r.URL.RawQuery) > 2*maxPath {
		return problem.New(http.StatusRequestURITooLong, problem.TooLong, "the address is too long")
	}
	if len(op.media) == 0 {
		if len(x.body) > 0 {
			return problem.OfField("", "this endpoint takes no body")
		}
	} else if !accepts(op.media, r.Header.Get("Content-Type")) {
		return problem.New(http.StatusUnsupportedMediaType, problem.BadMediaType, "the body must be "+strings.Join(op.media, " or "))
	}
	if !op.queries && r.URL.RawQuery != "" && r.URL.Path != beaconPath {
		return problem.OfField("", "this endpoint takes no parameters in the address")
	}
	return nil
}

// accepts reports whether a content type is one of media; none at all is taken on trust.
func accepts(media []string, contentType string) bool {
	kind, parameters, _ := strings.Cut(contentType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if _, charset, ok := strings.Cut(strings.ToLower(parameters), "charset="); ok {
		if charset = strings.Trim(strings.TrimSpace(charset), `"`); charset != "utf-8" && charset != "us-ascii" {
			return false
		}
	}
	return kind == "" || slices.Contains(media, kind) || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json") && slices.Contains(media, "application/json")
}

// allowOrigins lets pages of the configured origins call what a publishable key may do, and takes over the caller's trace.
func (g *gateway) allowOrigins(router *chi.Mux, scopes map[string]keyring.Scope) http.Handler {
	all := slices.Contains(g.config.Origins, "*")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if trace := r.Header["Traceparent"]; len(trace) > 0 {
			if t, ok := observe.ParseTrace(trace[0]); ok {
				r = r.WithContext(observe.WithTrace(r.Context(), t.Child()))
			}
		}
		origin := r.Header["Origin"]
		if len(origin) == 0 || !all && !slices.Contains(g.config.Origins, origin[0]) {
			router.ServeHTTP(w, r)
			return
		}
		method := r.Method
		if wanted := r.Header.Get("Access-Control-Request-Method"); method == http.MethodOptions && wanted != "" {
			method = wanted
		}
		if scopes[method+" "+router.Find(chi.NewRouteContext(), method, r.URL.Path)] != keyring.Public {
			router.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		if !all {
			h.Set("Access-Control-Allow-Origin", origin[0])
			h.Set("Vary", "Origin")
		}
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", method)
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Api-Key, Traceparent")
			h.Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.Set("Access-Control-Expose-Headers", "X-Request-Id, Haggle-Cost, Server-Timing, Retry-After")
		router.ServeHTTP(w, r)
	})
}

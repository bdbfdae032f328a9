package engine

// Part is the memory of a part of the engine.
type Part struct {
	Name  string
	Bytes int
}

// Memory returns about how much memory each part takes but the index of words. It looks at all of them.
func (e *Engine) Memory() []Part {
	e.mu.RLock()
	defer e.mu.RUnlock()
	e.typing.RLock()
	defer e.typing.RUnlock()
	sessions, _ := e.sessions.Bytes()
	return []Part{
		{"catalogue", e.catalogue.Memory().Total()},
		{"phrases", e.phrases.Bytes()},
		{"newest", e.newest.Bytes()},
		{"cold", e.cold.Bytes()},
		{"trending", e.trending.Bytes()},
		{"popular", e.popular.Bytes()},
		{"choices", e.choices.Bytes()},
		{"sessions", sessions},
		{"shoppers", e.shoppers.Bytes()},
		{"vectors", e.vectors.given.Bytes() + e.vectors.used.texts.Bytes()},
	}
}

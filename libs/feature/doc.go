// Package feature says what a ranker may know: rows of counters folded from events, facts of the catalogue, and the vectors made of both.
package feature

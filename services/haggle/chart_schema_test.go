package haggle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/services/autoscaler"
	featurestore "github.com/haggle-commerce/haggle/services/feature-store"
	"github.com/haggle-commerce/haggle/services/gateway"
	"github.com/haggle-commerce/haggle/services/ranking"
	"github.com/haggle-commerce/haggle/services/recall"
	"github.com/haggle-commerce/haggle/services/trainer"
)

// settingsOf are the settings that each part of the chart's values takes; the chart itself says those that are left out.
func settingsOf() map[string][]service.Field {
	g, r, k, f, t, a, all := gateway.Default(), recall.Default(), ranking.Default(), featurestore.Default(), trainer.Default(), autoscaler.Default(), Default()
	all.Data = ""
	settings := map[string][]service.Field{
		"gateway": service.Fields("gateway", "", &g), "recall": service.Fields("recall", "", &r), "ranking": service.Fields("ranking", "", &k),
		"featureStore": service.Fields("feature-store", "", &f), "trainer": service.Fields("trainer", "", &t),
		"autoscaler": service.Fields("autoscaler", "", &a), "packed": service.Fields("haggle", "", &all),
	}
	owned := map[string][]string{"gateway": {"address"}, "packed": {"host", "port", "data", "fresh", "rooms"}, "autoscaler": {"once"}}
	for part, flags := range owned {
		settings[part] = slices.DeleteFunc(settings[part], func(f service.Field) bool { return slices.Contains(flags, f.Flag) })
	}
	return settings
}

// schema is a JSON Schema, as far as it is needed.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        any                `json:"type,omitempty"`
	Default     any                `json:"default,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Minimum     *int               `json:"minimum,omitempty"`
	Maximum     *int               `json:"maximum,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	// Closed is false for objects whose keys are not known.
	Closed *bool `json:"additionalProperties,omitempty"`
}

// row is a line of the table of values.
type row struct{ path, standard, meaning string }

// chartReader reads values.yaml, in which every value has a comment that begins with "--", and annotations that begin with "@" where its
// default does not tell its type.
type chartReader struct {
	settings map[string][]service.Field
	rows     []row
	faults   []string
}

func (r *chartReader) object(path string, node *yaml.Node) *schema {
	closed := false
	s := &schema{Type: "object", Properties: map[string]*schema{}, Closed: &closed}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		text, notes := comment(key.HeadComment)
		switch {
		case text == "" && value.Kind == yaml.MappingNode && len(value.Content) > 0:
			s.Properties[key.Value] = r.object(at, value)
		case text == "":
			r.faults = append(r.faults, at+" has no comment that begins with --")
		default:
			s.Properties[key.Value] = r.leaf(at, key.Value, value, text, notes)
		}
	}
	return s
}

// comment parts the comment above a value into its text and its annotations.
func comment(head string) (text string, notes map[string]string) {
	notes = map[string]string{}
	for line := range strings.Lines(head) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "#"))
		if note, ok := strings.CutPrefix(line, "@"); ok {
			name, value, _ := strings.Cut(strings.TrimSpace(note), " ")
			notes[name] = value
		} else if begin, ok := strings.CutPrefix(line, "--"); ok {
			text = strings.TrimSpace(begin)
		} else if text != "" {
			text += " " + line
		}
	}
	return text, notes
}

func (r *chartReader) leaf(at, key string, value *yaml.Node, text string, notes map[string]string) *schema {
	standard, err := plain(value)
	if err != nil {
		r.faults = append(r.faults, fmt.Sprintf("%s: %v", at, err))
	}
	shown, _ := json.Marshal(standard)
	r.rows = append(r.rows, row{at, string(shown), text})
	s := &schema{Description: text, Default: standard}
	if part, _, _ := strings.Cut(at, "."); key == "settings" {
		closed := false
		s.Type, s.Closed, s.Properties = "object", &closed, map[string]*schema{}
		for _, f := range r.settings[part] {
			s.Properties[f.Flag] = &schema{Description: f.Help, Type: typeOf(f.Default), Default: f.Default}
		}
		return s
	}
	if key == "replicas" {
		zero := 0
		s.Type, s.Minimum = []string{"integer", "null"}, &zero
		if most, err := strconv.Atoi(notes["maximum"]); err == nil {
			s.Type, s.Maximum = "integer", &most
		}
		return s
	}
	switch standard := standard.(type) {
	case string:
		s.Type = "string"
	case bool:
		s.Type = "boolean"
	case int, float64:
		s.Type = "number"
	case []any:
		s.Type, s.Items = "array", &schema{Type: notes["items"]}
		if notes["items"] == "" {
			s.Items.Type = "object"
		}
	case map[string]any:
		s.Type = "object"
	default:
		r.faults = append(r.faults, fmt.Sprintf("%s: a default of type %T tells no type", at, standard))
	}
	if enum := notes["enum"]; enum != "" {
		s.Enum = strings.Split(enum, ", ")
	}
	return s
}

func plain(node *yaml.Node) (v any, err error) {
	err = node.Decode(&v)
	return v, err
}

// typeOf tells what a setting is by its default.
func typeOf(standard string) any {
	if standard == "true" || standard == "false" {
		return "boolean"
	}
	if _, err := strconv.ParseFloat(standard, 64); err == nil {
		return "number"
	}
	return "string"
}

// TestChartSchema keeps values.schema.json and the chart's README as values.yaml and the configuration types have it.
func TestChartSchema(t *testing.T) {
	folder := filepath.Join(root(t), "deploy", "helm", "haggle")
	text, err := os.ReadFile(filepath.Join(folder, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	r := chartReader{settings: settingsOf()}
	s := r.object("", document.Content[0])
	for _, fault := range r.faults {
		t.Error(fault)
	}
	for part := range r.settings {
		service := s.Properties[part]
		if service == nil {
			t.Fatalf("values.yaml has no %s", part)
		}
		// What stands in defaults may stand in each service too.
		for key, value := range s.Properties["defaults"].Properties {
			if service.Properties[key] == nil {
				copied := *value
				copied.Default = nil
				service.Properties[key] = &copied
			}
		}
	}
	s.Properties["global"] = &schema{Description: "What a chart above this one shares with it; not used.", Type: "object"}
	s.Schema, s.Title = "https://json-schema.org/draft/2020-12/schema", "Values of the chart haggle"
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	current(t, filepath.Join(folder, "values.schema.json"), b.String())
	current(t, filepath.Join(folder, "README.md"), chartReadme(r.rows))
}

func chartReadme(rows []row) string {
	var b strings.Builder
	b.WriteString("# The chart haggle\n\nSearch and recommendations for an online shop. How to install and run it: [docs/kubernetes.md](../../../docs/kubernetes.md).\n\n" +
		"```\nhelm install haggle ./deploy/helm/haggle --namespace shop --create-namespace\n```\n\n## Values\n\n" +
		"Generated from `values.yaml` (`go test ./services/haggle -run ChartSchema -update`). What stands under `defaults` may stand under each\n" +
		"service too. Values that are not known are refused.\n\n| value | default | meaning |\n|---|---|---|\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", row.path, strings.ReplaceAll(row.standard, "|", "\\|"), strings.ReplaceAll(row.meaning, "|", "\\|"))
	}
	return b.String()
}

// current fails where a generated file is not as it would be generated now; with -update it is written.
func current(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil { //nolint:gosec // a file of the project is for everybody
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(kept), want); diff != "" {
		t.Errorf("%s is not current, run with -update (-kept +current):\n%s", filepath.Base(path), diff)
	}
}

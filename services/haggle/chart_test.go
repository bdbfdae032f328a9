package haggle

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func chartFolder(t *testing.T) string {
	return filepath.Join(root(t), "deploy", "helm", "haggle")
}

// matrix are the files of values that the chart is tried with, by name.
func matrix(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chartFolder(t), "ci", "*.yaml"))
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files of values, %v", len(files), err)
	}
	named := map[string]string{}
	for _, file := range files {
		named[strings.TrimSuffix(filepath.Base(file), ".yaml")] = file
	}
	return named
}

// object is one object of a rendered chart.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	text     string
}

func (o *object) name() string { return strings.ToLower(o.Kind) + "/" + o.Metadata.Name }

// objects parts what helm rendered, in which a drawn key is replaced.
func objects(t *testing.T, rendered string) map[string]object {
	t.Helper()
	rendered = regexp.MustCompile(`hmac.key: [A-Za-z0-9+/=]{80,}`).ReplaceAllString(rendered, "hmac.key: ZHJhd24=")
	all := map[string]object{}
	for text := range strings.SplitSeq(rendered, "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			t.Fatalf("what helm rendered is no YAML: %v\n%s", err, text)
		}
		if o.Kind == "" {
			continue
		}
		o.text = strings.TrimSpace(strings.TrimPrefix(text, "---\n")) + "\n"
		if _, twice := all[o.name()]; twice {
			t.Errorf("%s is rendered twice", o.name())
		}
		all[o.name()] = o
	}
	return all
}

// render renders the chart with a file of values and lints it strictly.
func render(t *testing.T, c *cluster, values string) map[string]object {
	t.Helper()
	c.must(t, "", "helm", "lint", "--strict", "--quiet", chartFolder(t), "--values", values)
	return objects(t, c.must(t, "", "helm", "template", "shop", chartFolder(t), "--namespace", "shop", "--values", values))
}

// TestChartRenders compares what the chart renders with golden files: of the default all of it, of the others what differs from it.
func TestChartRenders(t *testing.T) {
	c := &cluster{binary: clusterBinary(t), home: t.TempDir()}
	files := matrix(t)
	standard := render(t, c, files["default"])
	for _, name := range slices.Sorted(maps.Keys(files)) {
		t.Run(name, func(t *testing.T) {
			var golden strings.Builder
			rendered := render(t, c, files[name])
			for _, at := range slices.Sorted(maps.Keys(rendered)) {
				if o := rendered[at]; name == "default" || o.text != standard[at].text {
					golden.WriteString("---\n" + o.text)
				}
			}
			for _, at := range slices.Sorted(maps.Keys(standard)) {
				if _, there := rendered[at]; !there {
					golden.WriteString("# without " + at + "\n")
				}
			}
			current(t, filepath.Join("testdata", "chart", name+".yaml"), golden.String())
		})
	}
}

// TestChartRefuses tries values that the schema or the templates must refuse, by name.
func TestChartRefuses(t *testing.T) {
	c := &cluster{binary: clusterBinary(t), home: t.TempDir()}
	for values, says := range map[string]string{
		"gateway.replica=3":                         "replica",
		"gateway.settings.deadlines=50ms":           "deadlines",
		"gateway.settings.page=perhaps":             "page",
		"gateway.settings.address=:80":              "address",
		"ranking.settings.snapshots=bus":            "snapshots",
		"recall.replicas=-1":                        "minimum",
		"trainer.replicas=2":                        "maximum",
		"mode=serverless":                           "mode",
		"image.pullPolicy=Sometimes":                "pullPolicy",
		"gateway.ingress.enabled=true":              "name at least one host",
		"nats.replicas=3":                           "replicas",
		"defaults.nodeSelectors.a=b":                "nodeSelectors",
		"keys.publishable=pk_0123456789abcdef":      "publishable",
		"serviceMonitor.intervall=15s":              "intervall",
		"autoscaler.settings.once=true":             "once",
		"packed.settings.port=80,mode=packed":       "port",
		"featureStore.settings.retention-hours=100": "retention-hours",
	} {
		t.Run(values, func(t *testing.T) {
			out, err := c.run(t, "", "helm", "template", "shop", chartFolder(t), "--set", values)
			if err == nil {
				t.Fatalf("rendered:\n%.300s", out)
			}
			if !strings.Contains(err.Error(), says) {
				t.Errorf("the error does not say %q: %v", says, err)
			}
		})
	}
}

// TestChartIsAdmitted has a real API server admit every object of every file of values, and every pod that they would make, in a namespace
// that enforces the restricted standard.
func TestChartIsAdmitted(t *testing.T) {
	c := startCluster(t)
	for name, file := range matrix(t) {
		namespace := "shop-" + name
		c.must(t, "", "kubectl", "create", "namespace", namespace)
		c.must(t, "", "kubectl", "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted", "pod-security.kubernetes.io/warn=restricted")
		rendered := objects(t, c.must(t, "", "helm", "template", "shop", chartFolder(t), "--namespace", namespace, "--values", file))
		var all, pods bytes.Buffer
		made := 0
		for _, at := range slices.Sorted(maps.Keys(rendered)) {
			o := rendered[at]
			if o.Kind == "ServiceMonitor" {
				continue // a kind of the Prometheus operator, which is not here
			}
			pod := podOf(t, o.text, namespace)
			if o.Kind != "Pod" {
				all.WriteString("---\n" + o.text)
			}
			if pod != "" {
				pods.WriteString("---\n" + pod)
				made++
			}
		}
		if made < 2 {
			t.Fatalf("%s: %d pods", name, made)
		}
		c.must(t, "", "kubectl", "create", "serviceaccount", "default", "--namespace", namespace)
		// The class is one that a cluster brings along.
		c.must(t, strings.ReplaceAll(all.String(), "priorityClassName: shop", "priorityClassName: system-cluster-critical"), "kubectl", "apply", "--namespace", namespace, "--server-side", "--validate=strict", "-f", "-")
		admitted := c.must(t, strings.ReplaceAll(pods.String(), "priorityClassName: shop", ""), "kubectl", "create", "--dry-run=server", "--namespace", namespace, "-o", "name", "-f", "-")
		if n := strings.Count(admitted, "pod/"); n != made {
			t.Errorf("%s: %d of %d pods were admitted:\n%s", name, n, made, admitted)
		}
	}
	// That the standard is enforced is seen by what it refuses.
	_, err := c.run(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: root, namespace: shop-default}\nspec: {containers: [{name: a, image: a}]}\n", "kubectl", "create", "--dry-run=server", "-f", "-")
	if err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
		t.Errorf("a pod that may do anything was not refused: %v", err)
	}
}

// podOf returns the pod that an object is or would make, or "".
func podOf(t *testing.T, text, namespace string) string {
	t.Helper()
	var o map[string]any
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	spec, _ := o["spec"].(map[string]any)
	template, ok := spec["template"].(map[string]any)
	if o["kind"] == "Pod" {
		template, ok = map[string]any{"metadata": map[string]any{"labels": nil}, "spec": spec}, true
	}
	if !ok {
		return ""
	}
	made, _ := template["spec"].(map[string]any)
	claims, _ := spec["volumeClaimTemplates"].([]any)
	for _, claim := range claims {
		// The StatefulSet's controller adds the volume.
		name := claim.(map[string]any)["metadata"].(map[string]any)["name"]
		volumes, _ := made["volumes"].([]any)
		made["volumes"] = append(volumes, map[string]any{"name": name, "persistentVolumeClaim": map[string]any{"claimName": "data-0"}})
	}
	metadata, _ := template["metadata"].(map[string]any)
	name := fmt.Sprint(o["metadata"].(map[string]any)["name"])
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	err := e.Encode(map[string]any{
		"apiVersion": "v1", "kind": "Pod", "spec": made,
		"metadata": map[string]any{"name": name + "-0", "namespace": namespace, "labels": metadata["labels"]},
	})
	if err = errors.Join(err, e.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestChartInstalls installs, changes, takes back and removes a release on a real API server. No pod runs there.
func TestChartInstalls(t *testing.T) {
	c := startCluster(t)
	helm := func(args ...string) string {
		return c.must(t, "", append([]string{"helm", "--namespace", "shop"}, args...)...)
	}
	notes := helm("install", "shop", chartFolder(t), "--create-namespace", "--wait=hookOnly")
	for _, want := range []string{"/v1/search", "WARNING: there are no keys", "WARNING: NATS and Redis"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not say %q:\n%s", want, notes)
		}
	}
	key := func() string {
		return c.must(t, "", "kubectl", "--namespace", "shop", "get", "secret", "shop-haggle-keys", "-o", `jsonpath={.data.hmac\.key}`)
	}
	replicas := func() string {
		return c.must(t, "", "kubectl", "--namespace", "shop", "get", "deployment", "shop-haggle-ranking", "-o", "jsonpath={.spec.replicas}")
	}
	drawn := key()
	helm("upgrade", "shop", chartFolder(t), "--set", "ranking.replicas=5", "--wait=hookOnly")
	if got := replicas(); got != "5" {
		t.Errorf("after the upgrade there are %s replicas, want 5", got)
	}
	if key() != drawn {
		t.Error("the upgrade drew another key: shoppers would become strangers")
	}
	helm("rollback", "shop", "1", "--wait=hookOnly")
	if got := replicas(); got != "2" {
		t.Errorf("after the rollback there are %s replicas, want 2", got)
	}
	if key() != drawn {
		t.Error("the rollback drew another key")
	}
	// Somebody else sets the number, as an autoscaler does; the chart leaves it alone when it is told not to own it.
	helm("upgrade", "shop", chartFolder(t), "--set", "ranking.replicas=null", "--wait=hookOnly")
	c.must(t, "", "kubectl", "--namespace", "shop", "scale", "deployment", "shop-haggle-ranking", "--replicas", "7")
	helm("upgrade", "shop", chartFolder(t), "--set", "ranking.replicas=null", "--set", "log.level=debug", "--wait=hookOnly")
	if got := replicas(); got != "7" {
		t.Errorf("after an upgrade that leaves replicas alone there are %s, want 7", got)
	}
	helm("uninstall", "shop", "--wait=hookOnly")
	left := c.must(t, "", "kubectl", "--namespace", "shop", "get", "deployments,statefulsets,services,configmaps,secrets,serviceaccounts,poddisruptionbudgets,networkpolicies,ingresses,pods", "-o", "name", "-l", "app.kubernetes.io/part-of=haggle")
	if left = strings.TrimSpace(left); left != "" {
		t.Errorf("the release left behind:\n%s", left)
	}
}

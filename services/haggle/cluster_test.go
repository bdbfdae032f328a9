package haggle

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clusterBinary returns the file that scripts/cluster.sh builds: kube-apiserver, etcd, kubectl and helm.
func clusterBinary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("HAGGLE_CLUSTER")
	if path == "" {
		t.Skip("SKIPPED: no Kubernetes here; export HAGGLE_CLUSTER=$(./scripts/cluster.sh), which builds it in some minutes")
	}
	return path
}

// cluster is a Kubernetes API server without nodes and without controllers, and who asks it.
type cluster struct {
	binary, kubeconfig, home string
}

// adminToken opens the API server of a test, which listens on this machine alone.
const adminToken = "test-admin"

// startCluster starts etcd and kube-apiserver and stops them with the test.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{binary: clusterBinary(t), home: t.TempDir()}
	store, peer, port := freePort(t), freePort(t), freePort(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	account := c.write(t, "account.key", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})))
	tokens := c.write(t, "tokens.csv", adminToken+",admin,admin,system:masters\n")
	url := "https://127.0.0.1:" + port
	c.kubeconfig = c.write(t, "kubeconfig", `apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "`+url+`", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: `+adminToken+`}}]
contexts: [{name: test, context: {cluster: test, user: admin}}]
current-context: test
`)
	etcd := "http://127.0.0.1:" + store
	c.start(t, "etcd", "--data-dir", filepath.Join(c.home, "etcd"), "--unsafe-no-fsync", "--log-level", "error",
		"--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", "http://127.0.0.1:"+peer)
	c.start(t, "kube-apiserver", "--etcd-servers", etcd, "--bind-address", "127.0.0.1", "--secure-port", port,
		"--cert-dir", filepath.Join(c.home, "certs"), "--token-auth-file", tokens, "--authorization-mode", "RBAC",
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-signing-key-file", account, "--service-account-key-file", account,
		"--service-cluster-ip-range", "10.96.0.0/16", "--profiling=false", "-v", "0")
	c.await(t, url+"/readyz")
	return c
}

func (c *cluster) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(c.home, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// start runs a component until the test ends; what it wrote is shown when the test fails.
func (c *cluster) start(t *testing.T, component string, args ...string) {
	t.Helper()
	command := exec.Command(c.binary, append([]string{component}, args...)...) //nolint:gosec // the binary that the caller of the test built
	log, err := os.Create(filepath.Join(c.home, component+".log"))
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A graceful end takes many seconds and nothing here is kept.
		_ = command.Process.Kill()
		_ = command.Wait()
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("the end of %s's log:\n%s", component, text[max(0, len(text)-2000):])
		}
	})
}

// await waits until the API server says that it is ready.
func (c *cluster) await(t *testing.T, url string) {
	t.Helper()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // a server of this test with a certificate of its own
	}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+adminToken)
		if response, err := client.Do(request); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the API server is not ready after a minute")
		}
	}
}

// run runs kubectl or helm and returns what it wrote.
func (c *cluster) run(t *testing.T, input string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), c.binary, args...) //nolint:gosec // as above
	command.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig, "HELM_CACHE_HOME="+c.home, "HELM_CONFIG_HOME="+c.home, "HELM_DATA_HOME="+c.home, "HOME="+c.home)
	command.Stdin = strings.NewReader(input)
	var out, faults bytes.Buffer
	command.Stdout, command.Stderr = &out, &faults
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, out.String(), faults.String())
	}
	return out.String(), nil
}

// must is run for what has to work.
func (c *cluster) must(t *testing.T, input string, args ...string) string {
	t.Helper()
	out, err := c.run(t, input, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

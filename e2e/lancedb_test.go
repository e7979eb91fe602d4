package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/meter"
)

// A lance runs LanceDB scripts.
type lance struct {
	node string
	env  []string
}

func newLance(t *testing.T) lance {
	t.Helper()
	node := tool(t, "node", "HEARTH_E2E_NODE")
	modules := os.Getenv("HEARTH_E2E_NODE_MODULES")
	if _, err := os.Stat(filepath.Join(modules, "@lancedb", "lancedb")); modules == "" || err != nil {
		missing(t, "LanceDB is not installed (set HEARTH_E2E_NODE_MODULES to a node_modules folder)")
	}
	return lance{node, clientEnv("LANCEDB_MODULES=" + filepath.Dir(modules))}
}

func storageOptions(endpoint string) string {
	b, err := json.Marshal(map[string]string{
		"endpoint": endpoint, "allow_http": "true", "region": region, "aws_access_key_id": accessKey,
		"aws_secret_access_key": secretKey, "virtual_hosted_style_request": "false",
	})
	if err != nil {
		panic(err) // a map of strings
	}
	return string(b)
}

// makeBucket makes a bucket at the store and fills it from a folder.
func makeBucket(t *testing.T, name, from string) {
	t.Helper()
	if err := store.EnsureBucket(name); err != nil {
		t.Fatal(err)
	}
	if from != "" {
		if err := os.CopyFS(filepath.Join(store.Dir, name, "fixture"), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLanceDBWritesAndReadsTheSameThroughHearth(t *testing.T) {
	l := newLance(t)
	s := startSidecar(t, 0)
	makeBucket(t, "lance-direct", "")
	makeBucket(t, "lance-hearth", "")
	script := func(mode, endpoint, bucket string) string {
		return must(t, l.env, l.node, "testdata/lancedb.mjs", mode, "s3://"+bucket+"/db", storageOptions(endpoint))
	}
	sameSteps(t, script("write", store.Endpoint, "lance-direct"), script("write", s.S3, "lance-hearth"))
	// What was written through Hearth is whole at the origin, and the other way round.
	want := script("read", store.Endpoint, "lance-direct")
	sameSteps(t, want, script("read", s.S3, "lance-hearth"))
	sameSteps(t, want, script("read", store.Endpoint, "lance-hearth"))
	sameSteps(t, want, script("read", s.S3, "lance-direct"))
}

func TestFixtureAnswersThroughHearth(t *testing.T) {
	l := newLance(t)
	s := startSidecar(t, 0)
	fixture := filepath.Join(here, "..", "testdata", "lance-memwal")
	makeBucket(t, "fixture", filepath.Join(fixture, "db"))
	// The fixture's script imports LanceDB by name: it must lie beside node_modules.
	work := t.TempDir()
	script, err := os.ReadFile(filepath.Join(fixture, "generate.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, "generate.mjs"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.Getenv("HEARTH_E2E_NODE_MODULES"), filepath.Join(work, "node_modules")); err != nil {
		t.Fatal(err)
	}
	answers := func(endpoint, name string) map[string]any {
		t.Helper()
		file := filepath.Join(work, name)
		env := append(l.env, "LANCE_URI=s3://fixture/fixture", "LANCE_STORAGE="+storageOptions(endpoint), "EXPECTED="+file)
		must(t, env, l.node, filepath.Join(work, "generate.mjs"), "expected")
		return readJSON(t, file)
	}
	first := answers(s.S3, "first.json")
	s.Meter.Reset()
	second := answers(s.S3, "second.json")
	if n := s.Meter.Count(meter.Immutable); n != 0 {
		t.Errorf("a second process made %d origin requests for immutable keys: %v", n, s.Meter.Counts())
	}
	t.Logf("origin requests of the second process: %v", s.Meter.Counts())
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the first answers (-) and the second (+):\n%s", diff)
	}
	if diff := cmp.Diff(answers(store.Endpoint, "direct.json"), first); diff != "" {
		t.Errorf("straight at the origin (-) and through Hearth (+):\n%s", diff)
	}
	// The recorded answers come from another processor: distances may differ in the last
	// bit, everything else is equal.
	recorded := readJSON(t, filepath.Join(fixture, "expected.json"))
	lastBit := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Max(math.Abs(a), math.Abs(b)) })
	if diff := cmp.Diff(recorded, first, lastBit); diff != "" {
		t.Errorf("recorded (-) and through Hearth (+):\n%s", diff)
	}
}

func readJSON(t *testing.T, file string) map[string]any {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", file, err))
	}
	return v
}

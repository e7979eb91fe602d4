package charts

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/hearthcache/hearth/internal/config"
)

// The version of Kubernetes that charts are rendered for and checked against.
const kubernetes = "1.30"

// tool returns the program that a variable names, and skips aloud without it.
func tool(t *testing.T, variable string) string {
	t.Helper()
	name := os.Getenv(variable)
	if name == "" {
		t.Skipf("SKIPPED: %s is not set: the charts are not rendered and checked", variable)
	}
	return name
}

// execute runs a program and returns its standard output.
func execute(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), errors.New(strings.TrimSpace(stderr.String() + stdout.String()))
	}
	return stdout.String(), nil
}

// render returns the manifests of a chart.
func render(t *testing.T, chart string, args ...string) (string, error) {
	return execute(t, tool(t, "HEARTH_HELM"), append([]string{"template", "rel", chart, "--kube-version", kubernetes, "--namespace", "lake"}, args...)...)
}

// cases returns the values files of testdata, and the golden file of each.
func cases(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.values.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	golden := map[string]string{}
	for _, f := range files {
		golden[f] = strings.TrimSuffix(f, ".values.yaml") + ".golden.yaml"
	}
	return golden
}

const exampleGolden = "testdata/example.golden.yaml"

func TestChartsRenderToTheirGoldenFiles(t *testing.T) {
	for values, golden := range cases(t) {
		t.Run(filepath.Base(values), func(t *testing.T) {
			got, err := render(t, "hearth", "--values", values)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, golden, got)
			if out, err := execute(t, tool(t, "HEARTH_HELM"), "lint", "hearth", "--strict", "--kube-version", kubernetes, "--values", values); err != nil {
				t.Errorf("lint: %v\n%s", err, out)
			}
		})
	}
	t.Run("example", func(t *testing.T) {
		helm := tool(t, "HEARTH_HELM")
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
			t.Fatal(err)
		}
		chart := filepath.Join(dir, "examples", "lancedb-query")
		if _, err := execute(t, helm, "dependency", "update", chart); err != nil {
			t.Fatal(err)
		}
		got, err := render(t, chart)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, exampleGolden, got)
	})
}

func compare(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, string(want)); diff != "" {
		t.Errorf("%s: run `go test ./charts -update` if this is meant (-got +want):\n%s", golden, diff)
	}
}

func TestKubernetesAcceptsWhatChartsRender(t *testing.T) {
	validate, crds := tool(t, "HEARTH_KUBECTL_VALIDATE"), tool(t, "HEARTH_CRDS")
	args := []string{"--version", kubernetes, "--local-crds", crds, exampleGolden}
	for _, golden := range cases(t) {
		args = append(args, golden)
	}
	if out, err := execute(t, validate, args...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	// The validator itself: a field that does not exist.
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(wrong, []byte("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {prots: []}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := execute(t, validate, "--version", kubernetes, wrong); err == nil {
		t.Error("an unknown field was accepted")
	}
}

func TestContradictionsAreRefusedWhenRendering(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		set        []string
	}{
		{"no keys", "keys: clients need keys", nil},
		{"keys and none", "keys.none: there are keys too", []string{"mode=sidecar", "podSelector.app=x", "keys.none=true", "keys.existingSecret=x"}},
		{"nobody signs across the network", "keys.none: only a sidecar", []string{"keys.none=true"}},
		{"a sidecar of nobody", "podSelector", []string{"mode=sidecar", "keys.none=true", "serviceMonitor.enabled=true"}},
		{"a policy for somebody else's pod", "networkPolicy: in sidecar mode", []string{"mode=sidecar", "keys.none=true", "networkPolicy.enabled=true"}},
		{"a size without a number", "resources/memoryHeadroom", []string{"keys.existingSecret=x", "resources.memoryHeadroom=lots"}},
		{"a setting that does not exist", "config", []string{"keys.existingSecret=x", "config.memroy=1GiB"}},
		{"a setting of the chart's own", "config", []string{"keys.existingSecret=x", "config.listen=:1"}},
		{"a mode that does not exist", "mode", []string{"mode=deployment"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var args []string
			for _, s := range tc.set {
				args = append(args, "--set", s)
			}
			out, err := render(t, "hearth", args...)
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), ".memory", "/memory"), tc.want) {
				t.Errorf("got %v, want %q\n%s", err, tc.want, out)
			}
		})
	}
}

// documents decodes the manifests of a golden file.
func documents(t *testing.T, golden string) []map[string]any {
	t.Helper()
	f, err := os.Open(golden)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var all []map[string]any
	for d := yaml.NewDecoder(f); ; {
		doc := map[string]any{}
		switch err := d.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatalf("%s: %v", golden, err)
		case doc["kind"] != nil:
			all = append(all, doc)
		}
	}
}

var memoryLimit = regexp.MustCompile(`(?m)^ +memory: ([0-9]+)Mi`)

// What a chart renders, the program takes: without helm, from the golden files.
func TestTheProgramAcceptsTheFilesOfTheChart(t *testing.T) {
	files := []string{exampleGolden}
	for _, golden := range cases(t) {
		files = append(files, golden)
	}
	for _, golden := range files {
		t.Run(filepath.Base(golden), func(t *testing.T) {
			var text string
			for _, doc := range documents(t, golden) {
				if data, _ := doc["data"].(map[string]any); data["hearth.yaml"] != nil {
					text = data["hearth.yaml"].(string)
				}
			}
			file := filepath.Join(t.TempDir(), "hearth.yaml")
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			loaded, err := config.Load(config.Input{Environ: []string{"HEARTH_CONFIG=" + file}})
			if err != nil {
				t.Fatal(err)
			}
			if err := loaded.Validate(config.Build{}); err != nil {
				t.Error(err)
			}
			whole, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			budget := loaded.Budget()
			need := int(budget.Arena + budget.GoLimit)
			for _, m := range memoryLimit.FindAllStringSubmatch(string(whole), -1) {
				given, _ := strconv.Atoi(m[1])
				if given <<= 20; given < need+64<<20 || given > need+66<<20 {
					t.Errorf("the container gets %d bytes of memory, and its budgets add up to %d", given, need)
				}
			}
		})
	}
}

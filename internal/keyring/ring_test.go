package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func TestReload(t *testing.T) {
	path := writeFile(t, goodFile)
	reg := prometheus.NewRegistry()
	r := mustRing(t, Options{File: path, Keys: []Key{{AccessKey: "STATIC", Secret: "static-secret"}}, Metrics: reg})
	check := func(when string, want map[string]string) {
		t.Helper()
		got := map[string]string{}
		for _, name := range []string{"STATIC", "READERS", "WRITERS", "NEW"} {
			if s, ok := r.Secret(name); ok {
				got[name] = s
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	before := map[string]string{"STATIC": "static-secret", "READERS": "at-least-eight", "WRITERS": "0123456789"}
	check("at first", before)

	rewrite(t, path, "keys:\n  - access_key: NEW\n    secret_key: short\n")
	if err := r.Reload(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "the 3 keys in use stay") {
		t.Errorf("a bad file: %v", err)
	}
	check("after a bad file", before)

	rewrite(t, path, "keys:\n  - access_key: STATIC\n    secret_key: stolen-secret\n")
	if err := r.Reload(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "line 2: access_key") {
		t.Errorf("a key that is given elsewhere: %v", err)
	}
	check("after a key that is given elsewhere", before)

	rewrite(t, path, "keys:\n  - access_key: NEW\n    secret_key: new-secret\n  - access_key: READERS\n    secret_key: changed-secret\n")
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	check("after a good file", map[string]string{"STATIC": "static-secret", "NEW": "new-secret", "READERS": "changed-secret"})
	if r.Allow("WRITERS", "lake", "x", Read) || !r.Allow("READERS", "lake", "x", Write) {
		t.Error("scopes are those of the old file")
	}

	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	want := map[string]float64{"hearth_keyring_keys": 3, "hearth_keyring_reloads_total ok": 1, "hearth_keyring_reloads_total error": 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestReloadWithoutFile(t *testing.T) {
	if err := mustRing(t, Options{}).Reload(); !errors.Is(err, ErrNoFile) {
		t.Errorf("got %v", err)
	}
}

func TestReloadWhileOthersLook(t *testing.T) {
	path := writeFile(t, goodFile)
	r := mustRing(t, Options{File: path})
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, ok := r.Secret("READERS"); !ok || !r.Allow("READERS", "lake-1", "tables/x", Read) || r.Len() != 2 {
					t.Error("a set that is not whole")
					return
				}
			}
		})
	}
	for range 2 {
		writers.Go(func() {
			for range 50 {
				if err := r.Reload(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}

func TestStaticKeysAreChecked(t *testing.T) {
	for name, keys := range map[string][]Key{
		"no access key": {{Secret: "long-enough"}},
		"no secret":     {{AccessKey: "ABC"}},
		"a bad scope":   {{AccessKey: "ABC", Secret: "long-enough", Scopes: []Scope{{Bucket: "b"}}}},
		"one key twice": {{AccessKey: "ABC", Secret: "long-enough"}, {AccessKey: "ABC", Secret: "another-one"}},
	} {
		if _, err := New(Options{Keys: keys}); !errors.Is(err, ErrInvalid) || strings.Contains(err.Error(), "enough") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	reg := prometheus.NewRegistry()
	mustRing(t, Options{Metrics: reg})
	if _, err := New(Options{Metrics: reg}); err == nil {
		t.Error("metrics that are there already are accepted")
	}
}

func TestARingKeepsItsOwnScopes(t *testing.T) {
	scopes := []Scope{{Bucket: "lake", Access: ReadOnly}}
	r := mustRing(t, Options{Keys: []Key{{AccessKey: "ABC", Secret: "long-enough", Scopes: scopes}}})
	scopes[0].Access = ReadWrite
	r.Keys()[0].Scopes[0].Bucket = "*"
	if r.Allow("ABC", "lake", "x", Write) || r.Allow("ABC", "pond", "x", Read) {
		t.Error("a scope was changed from outside")
	}
}

func TestGenerate(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		k := Generate()
		if err := k.validate(); err != nil {
			t.Fatal(err)
		}
		if len(k.AccessKey) != 20 || len(k.Secret) != 52 || seen[k.AccessKey] || seen[string(k.Secret)] {
			t.Fatalf("got %d and %d characters", len(k.AccessKey), len(k.Secret))
		}
		seen[k.AccessKey], seen[string(k.Secret)] = true, true
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	const secret = "hunter2hunter2"
	k := Key{AccessKey: "ABC", Secret: secret, Scopes: []Scope{{Bucket: "b", Access: ReadOnly}}}
	r := mustRing(t, Options{Keys: []Key{k}})
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		l := slog.New(h)
		l.Info("m", "key", k, "pointer", &k, "secret", k.Secret, "ring", r, "keys", []Key{k}, "all", r.Keys())
		l.Info(fmt.Sprint(k, &k, r))
	}
	texts := []string{log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, v := range []any{k, &k, k.Secret, &k.Secret, []Key{k}, map[string]Key{"a": k}, struct{ K Key }{k}, r.Keys()} {
			texts = append(texts, fmt.Sprintf(verb, v))
		}
	}
	encoded, err := json.Marshal(map[string]any{"key": k, "secret": k.Secret})
	if err != nil {
		t.Fatal(err)
	}
	texts = append(texts, string(encoded), r.String())
	for _, text := range texts {
		if strings.Contains(text, "hunter2") || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("shown in %s", text)
		}
	}
	if !strings.Contains(log.String(), "ABC") {
		t.Errorf("the access key is not in the log:\n%s", log.String())
	}
}

func TestNamesOfOpsAndAccess(t *testing.T) {
	var got []string
	for _, o := range []Op{Read, Write, List, SeeBucket, Op(9)} {
		got = append(got, o.String())
	}
	for _, a := range []Access{ReadOnly, WriteOnly, ReadWrite, 0} {
		got = append(got, a.String())
	}
	want := []string{"read", "write", "list", "see-bucket", "unknown", "read", "write", "readwrite", "none"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

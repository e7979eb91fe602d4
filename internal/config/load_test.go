package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// parse returns flags that were parsed from args.
func parse(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return flags
}

// files returns a ReadFile over a map.
func files(m map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		text, ok := m[name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}
}

func TestLoadPrecedence(t *testing.T) {
	file := "memory: 2GiB\npage-size: 128KiB\ndrain-timeout: 5s\nbuckets: [a, b]\n"
	in := Input{
		Flags:    parse(t, "--config=h.yaml", "--memory=4GiB", "--origin-path-style"),
		Environ:  []string{"HEARTH_MEMORY=3GiB", "HEARTH_PAGE_SIZE=256KiB", "PATH=/bin", "HEARTH_BUCKETS=c, d"},
		ReadFile: files(map[string]string{"h.yaml": file}),
	}
	l, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Memory, want.PageSize, want.DrainTimeout = 4*GiB, 256*KiB, 5*time.Second
	want.OriginPathStyle, want.Buckets = On, []string{"c", "d"}
	if diff := cmp.Diff(l.Config, want); diff != "" {
		t.Errorf("config (-got +want):\n%s", diff)
	}
	for name, source := range map[string]string{
		"memory": "--memory", "page-size": "HEARTH_PAGE_SIZE", "drain-timeout": "h.yaml:3",
		"buckets": "HEARTH_BUCKETS", "origin-path-style": "--origin-path-style", "listen": "default",
	} {
		if got := l.Source(name).String(); got != source {
			t.Errorf("source of %s: got %s, want %s", name, got, source)
		}
	}
}

func TestFileIsNamedByTheEnvironmentUnlessAFlagNamesOne(t *testing.T) {
	in := Input{
		Environ:  []string{"HEARTH_CONFIG=env.yaml"},
		ReadFile: files(map[string]string{"env.yaml": "domain: env", "flag.yaml": "domain: flag"}),
	}
	for want, args := range map[string][]string{"env": nil, "flag": {"--config", "flag.yaml"}} {
		in.Flags = parse(t, args...)
		l, err := Load(in)
		if err != nil {
			t.Fatal(err)
		}
		if l.Domain != want {
			t.Errorf("with %v: got domain %q, want %q", args, l.Domain, want)
		}
	}
}

func TestPathsAreRelativeToTheDirectoryGiven(t *testing.T) {
	dir := filepath.FromSlash("/srv")
	l, err := Load(Input{
		Environ:  []string{"HEARTH_CONFIG=h.yaml", "HEARTH_TLS_KEY=/etc/key.pem"},
		Dir:      dir,
		ReadFile: files(map[string]string{filepath.Join(dir, "h.yaml"): "keys-file: k.yaml\n"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{l.KeysFile, l.TLSKey, l.AdminTokenFile, l.Source("keys-file").Where}
	if diff := cmp.Diff(got, []string{filepath.Join(dir, "k.yaml"), "/etc/key.pem", "", "h.yaml:1"}); diff != "" {
		t.Errorf("paths (-got +want):\n%s", diff)
	}
}

func TestYAMLRecords(t *testing.T) {
	file := `
rules:
  - {match: "*/live/**", class: never}
  - match: "*/cold/**"
    class: revalidate
    max_age: 10s
`
	l, err := Load(Input{Environ: []string{"HEARTH_CONFIG=h.yaml"}, ReadFile: files(map[string]string{"h.yaml": file})})
	if err != nil {
		t.Fatal(err)
	}
	wantRules := []Rule{
		{Match: "*/live/**", Class: "never"},
		{Match: "*/cold/**", Class: "revalidate", MaxAge: 10 * time.Second},
	}
	if diff := cmp.Diff(l.Rules, wantRules); diff != "" {
		t.Errorf("rules (-got +want):\n%s", diff)
	}
}

func TestFaultsOfAllLayersAreReportedTogetherWithTheirPlaces(t *testing.T) {
	file := "memroy: 1GiB\npage-size: 64KB!\ndrain-timeout: 30\n" +
		"rules:\n  - {match: x, klass: never}\nmemory: 1MiB\nmemory: 2MiB\nbuckets: {a: b}\norigin-tries: \"3\"\nlisten:\n"
	_, err := Load(Input{
		Environ:  []string{"HEARTH_CONFIG=h.yaml", "HEARTH_ORIGIN_TIMEOUT=soon"},
		ReadFile: files(map[string]string{"h.yaml": file}),
	})
	want := []string{
		`HEARTH_ORIGIN_TIMEOUT: "soon" is not a duration with a unit such as 30s`,
		`h.yaml:1: unknown key "memroy" (did you mean memory?)`,
		`h.yaml:2: page-size: "64KB!" is not a size such as 256MiB`,
		`h.yaml:3: drain-timeout: "30" is not a duration with a unit such as 30s`,
		`h.yaml:5: unknown key "rules[0].klass" (did you mean class?)`,
		`h.yaml:7: memory was already set on line 6`,
		`h.yaml:8: buckets wants a list, not keys and values`,
		`h.yaml:9: origin-tries wants a number, not "3"`,
		`h.yaml:10: listen has no value; leave the key out for the default`,
	}
	if diff := cmp.Diff(texts(err), want); diff != "" {
		t.Errorf("problems (-got +want):\n%s", diff)
	}
	if !errors.Is(err, ErrInvalid) {
		t.Error("the error does not match ErrInvalid")
	}
}

// texts returns the problems of err as lines.
func texts(err error) []string {
	var lines []string
	for _, p := range Problems(err) {
		lines = append(lines, p.Error())
	}
	return lines
}

func TestBrokenFiles(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"a list where settings should be": {"- a\n", "h.yaml:1: wants keys and values, not a list"},
		"no YAML at all":                  {"a: [b\n", "h.yaml: line 1: did not find expected ',' or ']'"},
		"only comments":                   {"# nothing\n", ""},
		"empty":                           {"", ""},
		"an alias is followed":            {"memory: &m 32MiB\norigin: *m\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(Input{Environ: []string{"HEARTH_CONFIG=h.yaml"}, ReadFile: files(map[string]string{"h.yaml": tt.text})})
			if got := strings.Join(texts(err), "\n"); !strings.HasPrefix(got, tt.want) || (tt.want == "") != (got == "") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	_, err := Load(Input{Environ: []string{"HEARTH_CONFIG=missing.yaml"}, ReadFile: files(nil)})
	if diff := cmp.Diff(texts(err), []string{"--config: open missing.yaml: file does not exist"}); diff != "" {
		t.Errorf("missing file (-got +want):\n%s", diff)
	}
}

func TestVariablesThatResembleASettingAreWarnedOf(t *testing.T) {
	l, err := Load(Input{Environ: []string{
		"HEARTH_MEMROY=1GiB", "HEARTH_PORT=tcp://10.0.0.1:9000", "HEARTH_SERVICE_HOST=10.0.0.1", "HEARTH_PORT_9000_TCP_ADDR=10.0.0.1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(l.Warnings, []string{"HEARTH_MEMROY is not a setting (did you mean HEARTH_MEMORY?)"}); diff != "" {
		t.Errorf("warnings (-got +want):\n%s", diff)
	}
}

func TestBadFlagIsAUsageError(t *testing.T) {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(flags)
	err := flags.Parse([]string{"--memory=lots"})
	if err == nil || !strings.Contains(err.Error(), `"lots" is not a size such as 256MiB`) {
		t.Errorf("got %v", err)
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0": 0, "1": 1, "4096": 4096, "64KiB": 64 * KiB, "1.5GiB": 3 * GiB / 2, "1GB": 1e9, "256 MiB": 256 * MiB,
		"1g": 1e9, "2Gi": 2 * GiB, "7b": 7, "1TiB": TiB,
	} {
		got, err := ParseBytes(text)
		if err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
		again, err := ParseBytes(got.String())
		if err != nil || again != got {
			t.Errorf("%q: %s reads back as %d, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.1B", "1e3", "9999999TiB", "12XB", "1..2KiB", "0x10", "99999999999999999999", "."} {
		if got, err := ParseBytes(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func FuzzParseBytes(f *testing.F) {
	for _, s := range []string{"1GiB", "1.5GB", "0", "18446744073709551616", "9.3e5TiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := ParseBytes(text)
		if err != nil {
			return
		}
		if b < 0 {
			t.Fatalf("%q is negative: %d", text, b)
		}
		if again, err := ParseBytes(b.String()); err != nil || again != b {
			t.Fatalf("%q: %d prints as %s and reads back as %d, %v", text, b, b, again, err)
		}
	})
}

func FuzzYAML(f *testing.F) {
	f.Add("memory: 1GiB\nrules: [{match: a, class: never}]\n")
	f.Add("a: &a [*a]\n")
	f.Add("rules: {x: y}\n? [a]\n: b\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Load(Input{
			Environ:  []string{"HEARTH_CONFIG=h.yaml"},
			ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
		})
		if err != nil && len(Problems(err)) == 0 {
			t.Fatalf("an error without a problem: %v", err)
		}
	})
}

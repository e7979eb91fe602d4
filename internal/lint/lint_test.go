package lint

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// The three tests below judge the repository.

func TestImportsPointDownAndInward(t *testing.T) {
	t.Parallel()
	seen := map[Finding]bool{}
	for _, tags := range []string{"", "noembedded", "invariants"} {
		packages, err := Packages(t.Context(), root, tags)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range CheckImports(packages) {
			if !seen[f] {
				t.Error(f)
			}
			seen[f] = true
		}
	}
}

func TestSourceKeepsTheRules(t *testing.T) {
	t.Parallel()
	found, err := CheckSource(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	fail(t, found)
}

func TestTextKeepsTheRules(t *testing.T) {
	t.Parallel()
	fail(t, CheckText(repository(t)))
}

func repository(t *testing.T) []File {
	t.Helper()
	files, err := Files(t.Context(), filepath.FromSlash(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no files below " + root)
	}
	return files
}

func fail(t *testing.T, found []Finding) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}

// The tests below judge the rules.

func TestImportRules(t *testing.T) {
	for name, tt := range map[string]struct {
		packages []Package
		want     []string // begins of findings
	}{
		"a format that serves HTTP": {
			[]Package{{Path: "lance/file", Imports: []string{"io", "net/http"}}},
			[]string{"lance/file: may not import net/http: "},
		},
		"a format that reaches HTTP through another package": {
			[]Package{
				{Path: "lance/file", Imports: []string{Module + "/internal/x"}},
				{Path: "internal/x", Imports: []string{"net/http"}},
			},
			[]string{"lance/file: may not import internal/x, which imports net/http: "},
		},
		"pages that know the proxy": {
			[]Package{{Path: "pagecache", Imports: []string{Module + "/proxy/object"}}, {Path: "proxy/object"}},
			[]string{"pagecache: may not import proxy/object: "},
		},
		"the SDK outside of origin": {
			[]Package{{Path: "warm", Imports: []string{"github.com/aws/aws-sdk-go-v2/aws"}}},
			[]string{"warm: may not import github.com/aws/aws-sdk-go-v2/aws: the AWS SDK stops at internal/origin"},
		},
		"the SDK behind origin": {
			[]Package{
				{Path: "proxy", Imports: []string{Module + "/internal/origin"}},
				{Path: "internal/origin", Imports: []string{"github.com/aws/aws-sdk-go-v2/aws"}},
			},
			nil,
		},
		"the SDK in a test": {
			[]Package{{Path: "proxy", TestImports: []string{"github.com/aws/aws-sdk-go-v2/service/s3"}}},
			nil,
		},
		"promauto, even in a test": {
			[]Package{{Path: "proxy", TestImports: []string{"github.com/prometheus/client_golang/prometheus/promauto"}}},
			[]string{"proxy: may not import github.com/prometheus/client_golang/prometheus/promauto: "},
		},
		"a name that only begins alike": {
			[]Package{{Path: "lancet", Imports: []string{"net/http"}}},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) { compare(t, CheckImports(tt.packages), tt.want) })
	}
}

func TestSourceRules(t *testing.T) {
	const comment = "// Package x is x.\n"
	for name, tt := range map[string]struct {
		file string
		text string
		want []string
	}{
		"a comment that touches":            {"x/x.go", comment + "package x\n", nil},
		"a comment that does not touch":     {"x/x.go", comment + "\npackage x\n", []string{"x: no package comment"}},
		"a comment about something else":    {"x/x.go", "// Copyright.\npackage x\n", []string{"x: no package comment"}},
		"a command":                         {"c/main.go", "// Command c is c.\npackage main\n", nil},
		"a package of tests only":           {"x/x_test.go", "package x\n", nil},
		"a sleep in a test":                 {"x/x_test.go", "package x\nfunc f() { time.Sleep(1) }\n", []string{"x/x_test.go:2: time.Sleep in a test"}},
		"a sleep as a value":                {"x/x_test.go", "package x\nvar f = time.Sleep\n", []string{"x/x_test.go:2: time.Sleep in a test"}},
		"a sleep under a fake clock":        {"x/x_test.go", "package x\nfunc f() { synctest.Test(t, func() { time.Sleep(1) }) }\n", nil},
		"a sleep outside of tests":          {"x/x.go", comment + "package x\nfunc f() { time.Sleep(1) }\n", nil},
		"the default registry":              {"x/x.go", comment + "package x\nfunc f() { prometheus.MustRegister(c) }\n", []string{"x/x.go:3: prometheus.MustRegister"}},
		"the default registry's handler":    {"x/x.go", comment + "package x\nvar h = promhttp.Handler()\n", []string{"x/x.go:3: promhttp.Handler"}},
		"a registry that was passed around": {"x/x.go", comment + "package x\nfunc f() { reg.MustRegister(c) }\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := CheckSource([]File{{tt.file, []byte(tt.text)}})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, found, tt.want)
		})
	}
}

func TestTextRules(t *testing.T) {
	home := "/" + "home/ada"
	for name, tt := range map[string]struct {
		file string
		text string
		want []string
	}{
		"a path of one machine":             {"run", "cd " + home + "\n", []string{"run:1: " + home + " is a path of one machine"}},
		"a path in quotes":                  {"x.go", "\n\"" + home + "/x\"", []string{"x.go:2: " + home}},
		"a key that looks alike":            {"x.go", "\"bucket" + home + "\"", nil},
		"a URL that looks alike":            {"x.md", "https://example.com" + home, nil},
		"bytes that are not text":           {"x.bin", home + "\x00", nil},
		"a code block without a language":   {"x.md", "```\nls\n```\n", []string{"x.md:1: the code block names no language"}},
		"a code block with a language":      {"x.md", "  ```sh\nls\n  ```\n", nil},
		"a fence inside a longer fence":     {"x.md", "````md\n```\n````\n", nil},
		"a link to nowhere":                 {"docs/x.md", "[a](y.md)", []string{"docs/x.md:1: the link leads to docs/y.md"}},
		"a link to itself, a site, a title": {"docs/x.md", "[a](x.md#t) [b](https://example.com) [c](#t) [d](../docs)", nil},
		"a link inside a code block":        {"x.md", "```go\na[i](j)\n```\n", nil},
	} {
		t.Run(name, func(t *testing.T) { compare(t, CheckText([]File{{tt.file, []byte(tt.text)}}), tt.want) })
	}
}

func ExampleCheckText() {
	for _, f := range CheckText([]File{{Name: "docs/a.md", Text: []byte("[how](b.md)\n")}}) {
		fmt.Println(f)
	}
	// Output: docs/a.md:1: the link leads to docs/b.md, which does not exist: mend or remove it
}

// compare matches findings with the begins of their texts.
func compare(t *testing.T, found []Finding, want []string) {
	t.Helper()
	var got []string
	for i, f := range found {
		text := f.String()
		if i < len(want) && strings.HasPrefix(text, want[i]) {
			text = want[i]
		}
		got = append(got, text)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("findings (-got +want):\n%s", diff)
	}
}

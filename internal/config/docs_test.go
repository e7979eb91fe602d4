package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/configuration.md instead of comparing it")

//go:generate go test -run TestConfigurationDocument -update .

func TestConfigurationDocument(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "configuration.md")
	want := document(t)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(got), "\n"), strings.Split(want, "\n")); diff != "" {
		t.Errorf("docs/configuration.md does not follow from the code; run `go generate ./internal/config` (-got +want):\n%s", diff)
	}
}

func TestEverySettingIsDescribed(t *testing.T) {
	comments := fieldComments(t)
	for _, f := range Fields() {
		if f.Name == "" || f.Help == "" || f.Group == "" {
			t.Errorf("%s lacks a name, help or group tag", f.GoName)
		}
		if comment := comments["Config."+f.GoName]; !strings.HasPrefix(comment, f.GoName+" ") {
			t.Errorf("the comment of %s does not begin with its name: %q", f.GoName, comment)
		}
	}
}

// document renders docs/configuration.md.
func document(t *testing.T) string {
	comments := fieldComments(t)
	var b strings.Builder
	b.WriteString(documentHead)
	b.WriteString("\n| setting | default | meaning |\n|---|---|---|\n")
	for _, f := range Fields() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", f.Name, f.Name, defaultText(f), f.Help)
	}
	group := ""
	for _, f := range Fields() {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n", f.Name)
		if f.YAMLOnly() {
			b.WriteString("In YAML only.\n\n")
		} else {
			fmt.Fprintf(&b, "`--%s`, `%s`, %s, default %s.\n\n", f.Name, f.Env, f.Kind, defaultText(f))
		}
		b.WriteString(prose(comments["Config."+f.GoName], f.GoName, f.Name) + "\n")
		switch f.GoName {
		case "Rules":
			b.WriteString(recordTable(comments, "Rule", Rule{}))
		case "Tables":
			b.WriteString(recordTable(comments, "Table", Table{}))
		case "Watch":
			b.WriteString(recordTable(comments, "Watch", Watch{}))
		}
	}
	b.WriteString(documentTail)
	return b.String()
}

func defaultText(f Field) string {
	if f.Default == "" {
		return "empty"
	}
	return "`" + f.Default + "`"
}

// prose turns a comment about GoName into Markdown about name.
func prose(comment, goName, name string) string {
	if rest, ok := strings.CutPrefix(comment, goName+" "); ok {
		comment = "`" + name + "` " + rest
	}
	var b strings.Builder
	code := false
	for line := range strings.Lines(strings.TrimSpace(comment) + "\n") {
		if indented := strings.HasPrefix(line, "\t"); indented != code {
			code = indented
			b.WriteString(map[bool]string{true: "```yaml keys\n", false: "```\n"}[code])
		}
		b.WriteString(strings.TrimPrefix(line, "\t"))
	}
	if code {
		b.WriteString("```\n")
	}
	return strings.TrimSpace(b.String())
}

func recordTable(comments map[string]string, typeName string, record any) string {
	var b strings.Builder
	b.WriteString("\n| key | meaning |\n|---|---|\n")
	for _, row := range recordFields(record) {
		text := strings.Join(strings.Fields(comments[typeName+"."+row[1]]), " ")
		text = strings.TrimPrefix(text, row[1]+" ")
		fmt.Fprintf(&b, "| `%s` | %s |\n", row[0], strings.ReplaceAll(text, "|", "\\|"))
	}
	return b.String()
}

// fieldComments returns the doc comments of all struct fields of the package.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range s.Fields.List {
				comments[spec.Name.Name+"."+field.Names[0].Name] = field.Doc.Text()
			}
		}
		return false
	})
	return comments
}

const documentHead = `# Configuration

This page is generated from internal/config/config.go by ` + "`go generate ./internal/config`" + `; a test fails when the two differ.

Every setting has one name. As a flag it stands after ` + "`--`" + `, as an environment variable it is upper case with
` + "`HEARTH_`" + ` in front and underscores, in YAML it stands as it is (an underscore means the same as a dash). Flags win over
the environment, the environment over the YAML file, the file over defaults. The file is named by ` + "`--config`" + ` or
` + "`HEARTH_CONFIG`" + `; unknown keys in it are refused.

Sizes carry a unit: ` + "`64KiB`, `1GiB`" + ` (powers of 1024), ` + "`1GB`" + ` (powers of 1000). Durations too: ` + "`500ms`, `30s`, `5m`" + `.
Lists are comma-separated in flags and variables.

` + "`sidecar check-config`" + ` takes the same flags as ` + "`serve`" + `, prints the resolved values with the source of each, without
secrets, and exits with 2 if anything is wrong. Settings that contradict each other are refused at start, all at once.

On SIGHUP the file is read again for ` + "`rules` and `tables`" + `, and so are the file that ` + "`keys-file`" + ` names and the certificates. A file that is wrong
changes nothing and is logged as an error. Other settings need a restart.
`

const documentTail = `
## Memory of the process

` + "`memory`" + ` is divided: a sixteenth of it, between 4 MiB and 512 MiB, holds the facts of objects (what HEAD would say), and the rest holds
pages. Pages are mapped outside the Go heap, so the Go runtime neither scans nor counts them. ` + "`index-cache`" + ` comes beside it:
decoded objects live in the Go heap, and only as many as the engine or a warm with ` + "`decode`" + ` made. ` + "`GOMEMLIMIT`" + ` is set to the
facts plus ` + "`index-cache`" + ` plus 64 MiB plus 5 % of ` + "`memory`" + `, for everything that does live in the Go heap, unless the
environment sets it. With ` + "`engine-write`" + ` three times ` + "`engine-write-memory`" + ` come on top: rows, what a flush encodes them into, and what
queries have read of them before. Give the container all of this and 64 MiB of slack for the kernel's socket buffers: see
[operations](operations.md#the-container).

## Example

` + "```yaml config" + `
origin: https://s3.eu-central-1.amazonaws.com
origin-region: eu-central-1
buckets: [lake]
memory: 8GiB
keys-file: /etc/hearth/keys.yaml
admin-listen: 0.0.0.0:9001
admin-token-file: /etc/hearth/admin-token
ops-listen: 0.0.0.0:9002
rules:
  - {match: "s3://lake/config/**", class: revalidate, max_age: 10s}
  - {match: "tmp/**", class: never}
tables:
  - {match: "s3://lake/*", mutable_max_age: 1s}
watch:
  - {table: "s3://lake/items.lance", interval: 2s}
ready-deadline: 2m
` + "```" + `
`

// recordFields returns YAML key and Go name of each field of a record type.
func recordFields(record any) [][2]string {
	t := reflect.TypeOf(record)
	var rows [][2]string
	for i := range t.NumField() {
		rows = append(rows, [2]string{t.Field(i).Tag.Get("name"), t.Field(i).Name})
	}
	return rows
}

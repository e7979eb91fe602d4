package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
)

// A File is one tracked file.
type File struct {
	// Name is relative to the module root, with slashes.
	Name string
	// Text is its content.
	Text []byte
}

// CheckSource applies the rules about Go source to all Go files at once.
func CheckSource(files []File) ([]Finding, error) {
	var found []Finding
	packages := map[string]bool{} // directory -> has an attached package comment
	for _, f := range files {
		if path.Ext(f.Name) != ".go" {
			continue
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, f.Name, f.Text, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("lint: %w", err)
		}
		where := func(n ast.Node) string {
			return fmt.Sprintf("%s:%d", f.Name, fset.Position(n.Pos()).Line)
		}
		test := strings.HasSuffix(f.Name, "_test.go")
		if dir := path.Dir(f.Name); !test {
			packages[dir] = packages[dir] || describes(parsed)
		}
		if test {
			found = append(found, sleeps(parsed, where)...)
		}
		found = append(found, registries(parsed, where)...)
	}
	for dir, described := range packages {
		if !described {
			found = append(found, Finding{dir, "no package comment is attached to a package clause: write one that touches it, beginning with \"Package\" or \"Command\""})
		}
	}
	slices.SortFunc(found, func(a, b Finding) int { return strings.Compare(a.Where, b.Where) })
	return found, nil
}

// describes reports whether the file carries the package's documentation. A
// comment that is parted from the clause by an empty line does not count, nor
// does a license header or a generator's line.
func describes(f *ast.File) bool {
	text := f.Doc.Text()
	return strings.HasPrefix(text, "Package "+f.Name.Name+" ") || f.Name.Name == "main" && strings.HasPrefix(text, "Command ")
}

// sleeps finds time.Sleep outside a synctest bubble. Inside one, sleeping is how
// the fake clock moves, and it takes no time.
func sleeps(f *ast.File, where func(ast.Node) string) []Finding {
	var found []Finding
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && selects(call.Fun, "synctest", "Test") {
			return false
		}
		if e, ok := n.(ast.Expr); ok && selects(e, "time", "Sleep") {
			found = append(found, Finding{where(n), "time.Sleep in a test waits and hopes: use testing/synctest, a channel, or an injected clock"})
		}
		return true
	})
	return found
}

// registries finds uses of Prometheus' process-wide registry.
func registries(f *ast.File, where func(ast.Node) string) []Finding {
	var found []Finding
	ast.Inspect(f, func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		for _, name := range []string{"MustRegister", "Register", "Unregister", "DefaultRegisterer", "DefaultGatherer"} {
			if selects(e, "prometheus", name) {
				found = append(found, Finding{where(n), "prometheus." + name + " is the process-wide registry: register on the prometheus.Registerer passed in Options"})
			}
		}
		if selects(e, "promhttp", "Handler") {
			found = append(found, Finding{where(n), "promhttp.Handler serves the process-wide registry: use promhttp.HandlerFor"})
		}
		return true
	})
	return found
}

// selects reports whether e is pkg.name.
func selects(e ast.Expr, pkg, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg
}

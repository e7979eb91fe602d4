package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Module is the import path that every package here begins with.
const Module = "github.com/hearthcache/hearth"

// A Finding is one place that breaks a rule.
type Finding struct {
	// Where is a package, or a file and line relative to the module root.
	Where string
	// What says what is wrong there and what to do about it.
	What string
}

// String returns "where: what".
func (f Finding) String() string { return f.Where + ": " + f.What }

// A Package is what the import rules need of one package of this module.
type Package struct {
	// Path is relative to the module: "proxy/object"; the root is ".".
	Path string
	// Imports are the direct imports of its non-test files.
	Imports []string
	// TestImports are the direct imports of its tests.
	TestImports []string
}

// A direction forbids imports to packages.
type direction struct {
	// from are patterns of packages of this module; "lance/..." is lance and all below.
	from []string
	// except are patterns of packages that from does not mean.
	except []string
	// not are patterns of what they may not import: of this module when they
	// begin with "./", whole import paths otherwise.
	not []string
	// tests extends the rule to test files.
	tests bool
	// why ends the message.
	why string
}

var sdk = []string{"github.com/aws/aws-sdk-go-v2/...", "github.com/aws/smithy-go/..."}

// directions is the drawing of docs/architecture.md as a table: arrows point
// down and inward. A package that reaches a forbidden import through another
// package of this module breaks the rule too.
var directions = []direction{
	{
		from: []string{"lance/..."},
		not: append([]string{
			"net/http", "./proxy/...", "./pagecache/...", "./warm/...", "./indexcache/...", "./lsm/...", "./cmd/...",
			"./internal/origin/...", "./internal/embedded/...", "github.com/prometheus/...",
		}, sdk...),
		why: "lance is the format alone, usable without a server; read through the interface in lance/storage",
	},
	{
		from: []string{"lsm/..."},
		not: append([]string{
			"net/http", "./proxy/...", "./pagecache/...", "./warm/...", "./indexcache/...", "./cmd/...",
			"./internal/origin/...", "./internal/embedded/...",
		}, sdk...),
		why: "the engine stands alone; declare the interface in lsm and plug the sidecar's part in at cmd/sidecar",
	},
	{
		from: []string{"lsm"},
		not:  []string{"./lsm/shard", "./lsm/writer"},
		why:  "readers know what writers hold through lsm/recent",
	},
	{
		from: []string{"lsm/shard", "lsm/writer"},
		not:  []string{"./lsm"},
		why:  "writers know nothing of readers; what both need lies beneath them",
	},
	{
		from: []string{"pagecache/..."},
		not:  append([]string{"net/http", "./proxy/...", "./warm/...", "./lance/...", "./lsm/...", "./cmd/..."}, sdk...),
		why:  "pages know neither HTTP nor formats; declare a small interface in pagecache and let the caller implement it",
	},
	{
		from: []string{"indexcache/..."},
		not:  []string{"net/http", "./proxy/...", "./warm/...", "./lsm/...", "./cmd/..."},
		why:  "decoded objects come from a page source that indexcache declares itself",
	},
	{
		from: []string{"proxy/..."},
		not:  []string{"./warm/...", "./lsm/...", "./indexcache/...", "./cmd/..."},
		why:  "the S3 surface lies beneath warm and the engine; pass what it must call as an interface or a function",
	},
	{
		from: []string{"warm/..."},
		not:  []string{"./lsm/...", "./cmd/..."},
		why:  "the engine plugs warm in, not the other way round",
	},
	{
		from:   []string{"internal/..."},
		except: []string{"internal/lint", "internal/admin", "internal/engine"},
		not:    []string{"./proxy/...", "./pagecache/...", "./warm/...", "./indexcache/...", "./lsm/...", "./cmd/..."},
		why:    "internal packages are beneath the others; move the code up, or declare an interface",
	},
	{
		from:   []string{"..."},
		except: []string{"cmd/...", "internal/admin"},
		not:    []string{"./internal/admin"},
		why:    "the admin API stands above everything but cmd; call what it calls",
	},
	{
		from:   []string{"..."},
		except: []string{"cmd/...", "internal/admin"},
		not:    []string{"./internal/engine"},
		why:    "the service around the engine stands above everything but the admin API and cmd; lsm is the engine",
	},
	{
		from:   []string{"..."},
		except: []string{"internal/origin/..."},
		not:    sdk,
		why:    "the AWS SDK stops at internal/origin; add what is missing to its interface",
	},
	{
		from:   []string{"..."},
		except: []string{"internal/embedded/..."},
		not:    []string{"github.com/versity/...", "github.com/gofiber/...", "github.com/valyala/fasthttp/..."},
		why:    "the embedded store is left out of production builds; reach it through internal/embedded",
	},
	{
		from:   []string{"..."},
		except: []string{"cmd/...", "bench/...", "internal/config"},
		not:    []string{"flag", "github.com/spf13/...", "github.com/knadh/..."},
		why:    "settings arrive as Options; flags, variables and files are for commands and internal/config",
	},
	{
		from:   []string{"..."},
		except: []string{"internal/telemetry"},
		not:    []string{"go.opentelemetry.io/otel/sdk/...", "go.opentelemetry.io/otel/exporters/..."},
		why:    "tracing is set up once, in internal/telemetry; elsewhere use the trace API alone",
	},
	{
		from:  []string{"..."},
		not:   []string{"github.com/prometheus/client_golang/prometheus/promauto", "gopkg.in/yaml.v3", "io/ioutil", "github.com/pkg/errors"},
		tests: true,
		why:   "use a passed prometheus.Registerer, go.yaml.in/yaml/v3, io and os, or fmt.Errorf with %w instead",
	},
}

// CheckImports finds imports that point the wrong way.
func CheckImports(packages []Package) []Finding {
	byPath := map[string]Package{}
	for _, p := range packages {
		byPath[p.Path] = p
	}
	var found []Finding
	for _, p := range packages {
		for _, d := range directions {
			if !matchAny(d.from, p.Path) || matchAny(d.except, p.Path) {
				continue
			}
			if chain := d.reach(p, byPath); chain != nil {
				found = append(found, Finding{
					Where: p.Path,
					What:  fmt.Sprintf("may not import %s: %s", strings.Join(chain, ", which imports "), d.why),
				})
			}
		}
	}
	return found
}

// reach returns how p comes to import something that d forbids: the packages of
// this module on the way, then the import. The shortest way comes first; nil
// means none. Ways through a package that d excepts do not count, since those
// exist to wrap the import.
func (d direction) reach(p Package, byPath map[string]Package) []string {
	type step struct {
		path  string
		chain []string
	}
	seen := map[string]bool{p.Path: true}
	queue := []step{{path: p.Path}}
	for len(queue) > 0 {
		here := queue[0]
		queue = queue[1:]
		imports := byPath[here.path].Imports
		if d.tests && here.path == p.Path {
			imports = slices.Concat(imports, p.TestImports)
		}
		for _, imp := range imports {
			local, ours := strings.CutPrefix(imp, Module+"/")
			chain := append(slices.Clone(here.chain), path.Base(imp))
			chain[len(chain)-1] = imp
			if ours {
				chain[len(chain)-1] = local
			}
			if d.forbids(imp) {
				return chain
			}
			if ours && !seen[local] && !matchAny(d.except, local) {
				seen[local] = true
				queue = append(queue, step{local, chain})
			}
		}
	}
	return nil
}

func (d direction) forbids(imp string) bool {
	local, ours := strings.CutPrefix(imp, Module+"/")
	for _, pattern := range d.not {
		relative, isLocal := strings.CutPrefix(pattern, "./")
		if isLocal && ours && match(relative, local) || !isLocal && match(pattern, imp) {
			return true
		}
	}
	return false
}

func matchAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, name) })
}

// match understands exact names, "x/..." for x and all below, and "..." for all.
func match(pattern, name string) bool {
	if pattern == "..." {
		return true
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == base || strings.HasPrefix(name, base+"/")
	}
	return name == pattern
}

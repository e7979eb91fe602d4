package admin

import (
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/dashboard"
	"github.com/hearthcache/hearth/internal/engine"
)

// described is the description of the API, checked against OpenAPI 3.1.
func described(t *testing.T) *openapi3.T {
	t.Helper()
	d, err := newDocument(openapiText)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := openapi3.NewLoader().LoadFromData(d.json)
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.Validate(t.Context(), openapi3.DisableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	return spec
}

// verbs are the words that end the paths of requests that write, and that of their figures.
func verbs(t *testing.T) (post, get []string) {
	t.Helper()
	text, err := os.ReadFile("tableswrite.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\s+verb\w+\s+= "(\w+)"`).FindAllSubmatch(text, -1) {
		verb := string(m[1])
		if _, found, ok := writePath(http.MethodPost, tablesPath+"b/t/"+verb); ok && found == verb {
			post = append(post, verb)
		}
		if _, found, ok := writePath(http.MethodGet, tablesPath+"b/t/"+verb); ok && found == verb {
			get = append(get, verb)
		}
	}
	return post, get
}

func TestEveryRouteIsDescribedAndNoOther(t *testing.T) {
	a := &api{Options: Options{Engine: (*engine.Engine)(nil), Config: func() any { return nil }}}
	routed := map[string]bool{}
	add := func(method, path string) { routed[method+" "+path] = true }
	walk := func(m chi.Routes) {
		err := chi.Walk(m, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
			if path != dashboard.Root && path != dashboard.Assets+"*" && path != tablesPath+"*" {
				add(method, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	walk(a.routes(http.NotFoundHandler(), &document{}))
	for _, path := range []string{healthPath, readyPath, metricsPath} { // see NewOps
		add(http.MethodGet, path)
		add(http.MethodHead, path)
	}
	table := tablesPath + "{table}"
	add(http.MethodGet, table)
	for _, kind := range []engine.Kind{engine.Scan, engine.Get, engine.Search} {
		for _, path := range []string{table + "/" + string(kind), table + "/" + string(kind) + "/explain"} {
			add(http.MethodGet, path)
			add(http.MethodPost, path)
		}
	}
	post, get := verbs(t)
	if len(post) == 0 || len(get) == 0 {
		t.Error("no words of writing were found")
	}
	for _, verb := range post {
		add(http.MethodPost, table+"/"+verb)
	}
	for _, verb := range get {
		add(http.MethodGet, table+"/"+verb)
	}

	written := map[string]bool{}
	for path, item := range described(t).Paths.Map() {
		for method := range item.Operations() {
			written[method+" "+path] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(written)), slices.Sorted(maps.Keys(routed))); diff != "" {
		t.Errorf("openapi.yaml, the router:\n%s", diff)
	}
}

// properties are the names of a schema's properties, those of the schemas that it is all of included.
func properties(s *openapi3.SchemaRef) []string {
	names := slices.Collect(maps.Keys(s.Value.Properties))
	for _, part := range s.Value.AllOf {
		names = append(names, properties(part)...)
	}
	slices.Sort(names)
	return names
}

func TestFieldsAreThoseThatAreRead(t *testing.T) {
	spec := described(t)
	if diff := cmp.Diff(properties(spec.Components.Schemas["WarmRequest"]), slices.Sorted(maps.Keys((&warmBody{}).fields()))); diff != "" {
		t.Errorf("WarmRequest, fields:\n%s", diff)
	}
	for kind, schema := range map[engine.Kind]string{engine.Describe: "", engine.Scan: "ScanRequest", engine.Get: "GetRequest", engine.Search: "SearchRequest"} {
		q := query{request: engine.Request{Kind: kind}}
		fields := slices.Sorted(maps.Keys(q.fields()))
		if schema != "" {
			if diff := cmp.Diff(properties(spec.Components.Schemas[schema]), fields); diff != "" {
				t.Errorf("%s, fields:\n%s", schema, diff)
			}
		}
		path := tablesPath + "{table}"
		if schema != "" {
			path += "/" + string(kind)
		}
		var parameters []string
		for _, p := range spec.Paths.Value(path).Get.Parameters {
			parameters = append(parameters, p.Value.Name)
		}
		if kind == engine.Get {
			fields = append(fields, "key")
		}
		slices.Sort(parameters)
		slices.Sort(fields)
		if diff := cmp.Diff(parameters, fields); diff != "" {
			t.Errorf("parameters of %s, fields:\n%s", path, diff)
		}
	}
}

func TestEveryCodeOfAnErrorIsDescribed(t *testing.T) {
	problem := described(t).Components.Schemas["Problem"].Value.Properties["code"].Value
	for _, code := range problem.Enum {
		if !strings.Contains(problem.Description, "`"+code.(string)+"`") {
			t.Errorf("the description lacks %v", code)
		}
	}
	known := func(code string) {
		if !slices.Contains(problem.Enum, any(code)) {
			t.Errorf("openapi.yaml lacks the code %s", code)
		}
	}
	for _, f := range engineFaults {
		known(f.code)
	}
	for _, f := range writeFaults {
		known(f.code)
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	literal := regexp.MustCompile(`fault\(http\.\w+, "(\w+)"|Code: "(\w+)"`)
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range literal.FindAllSubmatch(text, -1) {
			known(string(m[1]) + string(m[2]))
		}
	}
}

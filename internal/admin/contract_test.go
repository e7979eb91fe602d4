package admin_test

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// spec is the description of the API.
var spec = sync.OnceValues(func() (*openapi3.T, error) {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(text)
})

// A contract is a transport that holds requests that were taken, and all answers, against the description of the API.
type contract struct {
	t    testing.TB
	spec *openapi3.T
	next http.RoundTripper
}

func newContract(t testing.TB, next http.RoundTripper) *contract {
	t.Helper()
	doc, err := spec()
	if err != nil {
		t.Fatal(err)
	}
	return &contract{t: t, spec: doc, next: next}
}

func (c *contract) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	path, params := c.path(r.URL.Path)
	item := c.spec.Paths.Value(path)
	if item == nil || item.GetOperation(r.Method) == nil || r.URL.Opaque != "" {
		if resp.StatusCode < 400 && path != "/" && !strings.HasPrefix(path, "/ui/") {
			c.t.Errorf("%s %s is not in openapi.yaml", r.Method, path)
		}
		return resp, nil
	}
	in := &openapi3filter.RequestValidationInput{
		Request: r.Clone(context.WithoutCancel(r.Context())), PathParams: params,
		Route:   &routers.Route{Spec: c.spec, Path: path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)},
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true},
	}
	if resp.StatusCode < 400 {
		c.request(in, r)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "application/json" {
		c.kind(in, resp, kind)
		if kind == "text/event-stream" {
			resp.Body = &watched{ReadCloser: resp.Body, whole: func(body []byte) { c.events(in, body) }}
		}
		return resp, nil
	}
	resp.Body = &watched{ReadCloser: resp.Body, whole: func(body []byte) { c.answer(in, resp, body) }}
	return resp, nil
}

// path is the path of the description that a path is of. Those of tables have slashes.
func (c *contract) path(path string) (string, map[string]string) {
	const tables = "/v1/tables/"
	if rest, ok := strings.CutPrefix(path, tables); ok {
		best := tables + "{table}"
		for _, known := range c.spec.Paths.Keys() {
			if end, ok := strings.CutPrefix(known, tables+"{table}/"); ok && strings.HasSuffix(rest, "/"+end) && len(known) > len(best) {
				best = known
			}
		}
		return best, map[string]string{"table": strings.TrimSuffix(rest, strings.TrimPrefix(best, tables+"{table}"))}
	}
	if id, ok := strings.CutPrefix(path, "/warm/"); ok && !strings.Contains(id, "/") {
		return "/warm/{id}", map[string]string{"id": id}
	}
	return path, nil
}

// request checks a request that was taken.
func (c *contract) request(in *openapi3filter.RequestValidationInput, r *http.Request) {
	in.Options.ExcludeRequestBody = true
	if in.Route.Operation.RequestBody != nil && r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			c.t.Error(err)
			return
		}
		defer func() { _ = body.Close() }()
		text, err := io.ReadAll(body)
		if err != nil {
			c.t.Error(err)
			return
		}
		of := in.Route.Operation.RequestBody.Value
		if of.Content.Get("application/json") != nil && len(text) > 0 && text[0] == '{' {
			in.Options.ExcludeRequestBody = false
			in.Request.Header.Set("Content-Type", "application/json") // whatever it says
			in.Request.Body = io.NopCloser(bytes.NewReader(text))
		}
	}
	if err := openapi3filter.ValidateRequest(in.Request.Context(), in); err != nil {
		c.t.Errorf("openapi.yaml, %s %s: %v", r.Method, r.URL, err)
	}
}

// kind checks the form of an answer that is not JSON.
func (c *contract) kind(in *openapi3filter.RequestValidationInput, resp *http.Response, kind string) {
	of := in.Route.Operation.Responses.Status(resp.StatusCode)
	if of == nil || kind != "" && in.Request.Method != http.MethodHead && of.Value.Content[kind] == nil {
		c.t.Errorf("openapi.yaml, %s %s: no answer of %d in the form %q", in.Request.Method, in.Request.URL, resp.StatusCode, kind)
	}
}

// answer checks an answer of JSON.
func (c *contract) answer(in *openapi3filter.RequestValidationInput, resp *http.Response, body []byte) {
	if err := checkJSON(in, resp.StatusCode, body); err != nil {
		c.t.Errorf("openapi.yaml, %s %s: %v\n%s", in.Request.Method, in.Request.URL, err, body)
	}
}

// events checks server-sent events, whose data are what the answer in JSON is.
func (c *contract) events(in *openapi3filter.RequestValidationInput, body []byte) {
	for line := range strings.Lines(string(body)) {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			c.answer(in, &http.Response{StatusCode: http.StatusOK}, []byte(data))
		}
	}
}

func checkJSON(in *openapi3filter.RequestValidationInput, status int, body []byte) error {
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: status, Options: in.Options, Header: http.Header{"Content-Type": {"application/json"}},
	}
	return openapi3filter.ValidateResponse(in.Request.Context(), out.SetBodyBytes(body))
}

// watched shows a body that was read to its end.
type watched struct {
	io.ReadCloser
	read  []byte
	whole func([]byte)
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.ReadCloser.Read(b)
	w.read = append(w.read, b[:n]...)
	if err == io.EOF && w.whole != nil {
		w.whole(w.read)
		w.whole = nil
	}
	return n, err
}

func TestTheDescriptionIsServed(t *testing.T) {
	w := newWorld(t, nil)
	if a := w.call("GET", "/openapi.json", ""); a.status != http.StatusOK || a.field("openapi") != "3.1.0" {
		t.Errorf("got %d %.200s", a.status, a.body)
	}
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if a := w.call("GET", "/openapi.yaml", ""); a.status != http.StatusOK || !bytes.Equal(a.body, text) {
		t.Errorf("got %d %.200s", a.status, a.body)
	}
	if a := w.call("GET", "/openapi.json?x=1", ""); a.status != http.StatusBadRequest || a.field("error.field") != "x" {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

func TestTheContractRefusesWhatIsNotDescribed(t *testing.T) {
	c := newContract(t, nil)
	const receipt = `"receipt":{"objects":0,"bytes":0,"pages":0,"resident_objects":0,"resident_bytes":0,"resident_pages":0,` +
		`"requests":{"list":0,"get":0,"head":0},"source":{"origin_bytes":0,"already_bytes":0},"rounds":0,"elapsed":"0s"}`
	for name, x := range map[string]struct {
		method, path string
		status       int
		body         string
		ok           bool
	}{
		"an answer":                      {"POST", "/warm", 200, `{"path":"s3://b/p/","state":"warm","published":false,` + receipt + `}`, true},
		"a field more beside allOf":      {"POST", "/warm", 200, `{"path":"s3://b/p/","state":"warm","published":false,"more":1,` + receipt + `}`, false},
		"a state that there is not":      {"POST", "/warm", 200, `{"path":"s3://b/p/","state":"hot","published":false,` + receipt + `}`, false},
		"a field less":                   {"POST", "/warm", 200, `{"path":"s3://b/p/","state":"warm",` + receipt + `}`, false},
		"an error":                       {"GET", "/stats", 400, `{"error":{"code":"invalid_request","message":"m"}}`, true},
		"an error of an unknown code":    {"GET", "/stats", 400, `{"error":{"code":"oops","message":"m"}}`, false},
		"a field more in an error":       {"GET", "/stats", 400, `{"error":{"code":"internal","message":"m","why":1}}`, false},
		"another type":                   {"POST", "/bypass", 200, `{"bypassed":"yes"}`, false},
		"a field more in a plain object": {"POST", "/bypass", 200, `{"bypassed":true,"since":1}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), x.method, "http://127.0.0.1"+x.path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			item := c.spec.Paths.Value(x.path)
			in := &openapi3filter.RequestValidationInput{
				Request: r, Options: &openapi3filter.Options{IncludeResponseStatus: true},
				Route: &routers.Route{Spec: c.spec, Path: x.path, PathItem: item, Method: x.method, Operation: item.GetOperation(x.method)},
			}
			if err := checkJSON(in, x.status, []byte(x.body)); (err == nil) != x.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

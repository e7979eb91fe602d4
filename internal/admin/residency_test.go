package admin_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/admin"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/warm"
)

func TestResidency(t *testing.T) {
	w := newWorld(t, func(o *admin.Options, _ *warm.Options) { o.Allowed = func(b string) bool { return b == bucket } })
	w.put(gen+"a b+c", 5*4096+1)
	w.put(gen+"_pk_index/page_data.lance", 100)
	w.put("plain/x", 5000)
	residency := func(path string) string {
		t.Helper()
		a := w.call("GET", "/residency?path="+url.QueryEscape(path), "")
		if a.status != http.StatusOK {
			t.Errorf("%s: got %d %s", path, a.status, a.body)
		}
		return string(a.body)
	}
	if diff := cmp.Diff(`{"bucket":"lake","key":"plain/x","page_bytes":4096,"versions":[]}`+"\n", residency("s3://lake/plain/x")); diff != "" {
		t.Errorf("of what is not known, want (-), got (+):\n%s", diff)
	}
	w.publish()
	w.warm()
	w.call("POST", "/warm", `{"path":"s3://lake/plain","wait":"30s","pin":true}`)
	asked := len(w.origin.Requests())

	o, _ := w.origin.Object(bucket, gen+"a b+c")
	version := pagecache.Version{Bucket: bucket, Key: gen + "a b+c", ETag: o.ETag, Size: 5*4096 + 1}
	w.objects.Pages().EvictRange(version, 2*4096, 1)
	type answer struct {
		ETag      string
		Size      int64
		PageBytes int `json:"page_bytes"`
		Roles     []warm.RoleRange
		Versions  []struct {
			Pages         int64
			ResidentPages int64 `json:"resident_pages"`
			Pinned, Cut   bool
			Runs          [][2]int64
		}
	}
	var got answer
	if err := json.Unmarshal([]byte(residency(genURI+"/a b+c")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Size != version.Size || got.ETag != o.ETag || got.PageBytes != 4096 || len(got.Versions) != 1 {
		t.Fatalf("got %+v", got)
	}
	if diff := cmp.Diff([][2]int64{{0, 1}, {3, 5}}, got.Versions[0].Runs); diff != "" || got.Versions[0].ResidentPages != 5 || got.Versions[0].Pages != 6 {
		t.Errorf("%+v, want (-), got (+):\n%s", got, diff)
	}
	if diff := cmp.Diff([]warm.RoleRange{{Role: warm.RoleOther, Offset: 0, Bytes: version.Size}}, got.Roles); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if cut := w.call("GET", "/residency?runs=1&path="+url.QueryEscape(genURI+"/a b+c"), ""); !strings.Contains(string(cut.body), `"runs":[[0,1]],"cut":true`) {
		t.Errorf("got %s", cut.body)
	}
	if plain := residency("s3://lake/plain/x"); !strings.Contains(plain, `"size":5000`) || !strings.Contains(plain, `"pinned":true,"runs":[[0,1]]`) {
		t.Errorf("got %s", plain)
	}

	// The objects to choose from.
	a := w.call("GET", "/objects?prefix="+genURI+"/", "")
	want := `{"bucket":"lake","prefix":"` + gen + `","known":true,"more":false,"objects":[` +
		`{"key":"` + gen + `_pk_index/page_data.lance","size":100,"pages":1,"resident_pages":1,"resident_bytes":100,"roles":["blocklist"]},` +
		`{"key":"` + gen + `a b+c","size":20481,"pages":6,"resident_pages":5,"resident_bytes":16385,"roles":["other"]}]}` + "\n"
	if diff := cmp.Diff(want, string(a.body)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if first := w.call("GET", "/objects?limit=1&prefix="+genURI+"/", ""); first.field("more") != true || strings.Contains(string(first.body), "a b+c") {
		t.Errorf("got %s", first.body)
	}
	next := w.call("GET", "/objects?limit=1&prefix="+genURI+"/&after="+genURI+"/_pk_index/page_data.lance", "")
	if next.field("more") != false || !strings.Contains(string(next.body), "a b+c") {
		t.Errorf("got %s", next.body)
	}
	if pages := w.call("GET", "/objects?prefix=s3://lake/plain", ""); pages.field("known") != false || !strings.Contains(string(pages.body), `"key":"plain/x"`) {
		t.Errorf("got %s", pages.body)
	}
	if none := w.call("GET", "/objects?prefix=s3://lake/nothing", ""); !strings.Contains(string(none.body), `"objects":[]`) {
		t.Errorf("got %s", none.body)
	}

	roles := w.call("GET", "/generations?roles=true", "")
	if !strings.Contains(string(roles.body), `"roles":{"blocklist":{"objects":1,"bytes":100,"resident_bytes":100,"pages":1,"resident_pages":1},`+
		`"other":{"objects":1,"bytes":20481,"resident_bytes":16385,"pages":6,"resident_pages":5}}`) {
		t.Errorf("got %s", roles.body)
	}
	for _, query := range []string{"", "?roles=false"} {
		if a := w.call("GET", "/generations"+query, ""); strings.Contains(string(a.body), "roles") || a.status != http.StatusOK {
			t.Errorf("got %s", a.body)
		}
	}
	if n := len(w.origin.Requests()); n != asked {
		t.Errorf("looking inside asked the origin %d times", n-asked)
	}

	for target, want := range map[string]struct {
		field  any
		status int
	}{
		"/residency":                                       {"path", 400},
		"/residency?path=s3://lake":                        {"path", 400},
		"/residency?path=s3://secret/a":                    {"path", 403},
		"/residency?path=s3://lake/a&runs=0":               {"runs", 400},
		"/residency?path=s3://lake/a&runs=10001":           {"runs", 400},
		"/residency?path=s3://lake/a&limit=1":              {"limit", 400},
		"/residency?path=" + genURI + "/b":                 {nil, 404},
		"/objects":                                         {"prefix", 400},
		"/objects?prefix=s3://secret/":                     {"prefix", 403},
		"/objects?prefix=s3://lake/&limit=x":               {"limit", 400},
		"/objects?prefix=s3://lake/&after=plain/x":         {"after", 400},
		"/objects?prefix=s3://lake/&after=s3://secret/a":   {"after", 403},
		"/generations?roles=yes":                           {"roles", 400},
		"/generations?roles=true&roles=true":               {"roles", 400},
		"/objects?prefix=s3://lake/&prefix=s3://lake/":     {"prefix", 400},
		"/objects?prefix=s3://lake/&path=s3://lake/plain/": {"path", 400},
	} {
		if a := w.call("GET", target, ""); a.status != want.status || a.field("error.field") != want.field {
			t.Errorf("%s: got %d %s", target, a.status, a.body)
		}
	}
}

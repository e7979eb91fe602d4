package admin_test

import (
	"net/http"
	"testing"
)

func TestRetainOverHTTP(t *testing.T) {
	w := newWorld(t, nil)
	w.put(gen+"a", 5000)
	w.publish()
	w.warm()
	for _, c := range []struct {
		name, body, field string
		retired           float64
		status            int
	}{
		{"no table", `{"live":[]}`, "table", 0, 400},
		{"a bucket", `{"table":"s3://lake","live":[]}`, "table", 0, 400},
		{"no list", `{"table":"s3://lake/db/items.lance"}`, "live", 0, 400},
		{"a version without a shard", `{"table":"s3://lake/db/items.lance","live":[],"shard_manifest_version":3}`, "shard", 0, 400},
		{"what is no generation", `{"table":"s3://lake/db/items.lance","live":["a/b"]}`, "live", 0, 400},
		{"another table", `{"table":"s3://lake/db/other.lance","live":[]}`, "", 0, 200},
		{"it is live, by name", `{"table":"s3://lake/db/items.lance","live":["` + genDir + `"]}`, "", 0, 200},
		{"it is live, by path", `{"table":"s3://lake/db/items.lance/","live":["` + genURI + `/"]}`, "", 0, 200},
		{"it is gone", `{"table":"s3://lake/db/items.lance","live":["0fa9faac_gen_1"]}`, "", 1, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.call("POST", "/retain", c.body)
			field, _ := a.field("error.field").(string)
			if a.status != c.status || field != c.field {
				t.Fatalf("got %d %s", a.status, a.body)
			}
			if retired, _ := a.field("retired").([]any); a.status == http.StatusOK && float64(len(retired)) != c.retired {
				t.Errorf("got %s", a.body)
			}
		})
	}
	if a := w.call("GET", "/generations", ""); a.field("total") != 1.0 {
		t.Errorf("got %s", a.body)
	} else if g, _ := a.field("generations").([]any)[0].(map[string]any); g["state"] != "retired" {
		t.Errorf("got %s", a.body)
	}
}

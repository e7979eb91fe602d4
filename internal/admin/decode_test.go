package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
)

func FuzzWarmBody(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"path":"s3://lake/a","wait":"1s"}`, `{"uri":"s3://lake","wait":1.5,"pin":false,"budget_bytes":10}`,
		`{"path":null}`, `{"path":"a","path":"b"}`, `[]`, `{"x":{"y":[1,2,{}]}}`, `{"wait":1e308}`, `{"deadline":-0}`,
		`{"path":"\ud800"}`, "{\"path\":\"\xff\"}", `{"path":"a"} x`, `{"path":"a"`, `{"pin":tru`, ``, `{"":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var b warmBody
		err := decodeObject(body, b.fields())
		if err != nil {
			if f, ok := errors.AsType[*failure](err); !ok || f.status != http.StatusBadRequest || f.problem.Message == "" {
				t.Errorf("%q: %v is no answer", body, err)
			}
			return
		}
		if b.wait < 0 || b.deadline < 0 || b.budgetBytes < 0 {
			t.Errorf("%q became %+v", body, b)
		}
		// Whatever was taken is one JSON object whose only members are known fields.
		var plain map[string]any
		if json.Unmarshal(body, &plain) != nil {
			t.Fatalf("%q is no object but was taken", body)
		}
		for name := range plain {
			if _, known := b.fields()[name]; !known {
				t.Errorf("%q: %s was taken", body, name)
			}
		}
	})
}

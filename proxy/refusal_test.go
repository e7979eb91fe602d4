package proxy

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/internal/sigv4"
)

func TestARefusalKeepsItsDetails(t *testing.T) {
	f := refusal(fmt.Errorf("verify: %w", &sigv4.Error{
		Code: "InvalidArgument", Message: "no", Status: http.StatusBadRequest,
		Details: []sigv4.Detail{{Name: "ArgumentName", Value: "Authorization"}, {Name: "ArgumentValue", Value: "<a>&\x00"}},
	}))
	w := httptest.NewRecorder()
	new(Handler).fail(w, httptest.NewRequest(http.MethodGet, "/lake/key", nil), f)
	body := w.Body.String()
	if w.Code != http.StatusBadRequest || !strings.Contains(body,
		"<ArgumentName>Authorization</ArgumentName><ArgumentValue>&lt;a&gt;&amp;\ufffd</ArgumentValue></Error>") {
		t.Errorf("got %d\n%s", w.Code, body)
	}
	if err := xml.Unmarshal(w.Body.Bytes(), new(struct{})); err != nil {
		t.Error(err)
	}
	if refusal(errors.New("another")) != nil {
		t.Error("any error is a refusal")
	}
}

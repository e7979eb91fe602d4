package admin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/hearthcache/hearth/internal/admin"
)

// A pod is ready when its listeners serve.
func ExampleNewOps() {
	h := admin.NewOps(admin.OpsOptions{Ready: func() (bool, string) { return false, "starting" }})
	for _, path := range []string{"/healthz", "/readyz"} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Print(path, " ", rec.Code, " ", rec.Body)
	}
	// Output:
	// /healthz 200 ok
	// /readyz 503 starting
}

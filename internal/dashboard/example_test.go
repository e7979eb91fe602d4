package dashboard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/hearthcache/hearth/internal/dashboard"
)

// The page and what it loads come from the binary.
func ExampleNew() {
	h, err := dashboard.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, path := range []string{dashboard.Root, dashboard.Assets + "app.js"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(path, w.Code, w.Header().Get("Content-Type"))
	}
	// Output:
	// / 200 text/html; charset=utf-8
	// /ui/app.js 200 text/javascript; charset=utf-8
}

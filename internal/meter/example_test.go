package meter_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/hearthcache/hearth/internal/meter"
)

// Requests counted by a class of one's own.
func ExampleStart() {
	store := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer store.Close()
	m, err := meter.Start(store.URL, meter.Options{
		Classify: func(_, path, _ string) string {
			if strings.Contains(path, "/_versions/") {
				return "mutable"
			}
			return "immutable"
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer func() {
		client.CloseIdleConnections()
		if err := m.Close(); err != nil {
			fmt.Println(err)
		}
	}()
	for _, path := range []string{"/b/t.lance/_versions/1.manifest", "/b/t.lance/data/a.lance", "/b/t.lance/data/b.lance"} {
		resp, err := client.Get(m.URL() + path)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
	}
	fmt.Println(m.Count("mutable"), m.Count("immutable"))
	// Output: 1 2
}

package admin

import (
	"net/http"
	"strings"

	"github.com/hearthcache/hearth/internal/dashboard"
)

// isPage reports whether a path is the dashboard's, or one of the files that it loads.
func isPage(path string) bool {
	return path == dashboard.Root || strings.HasPrefix(path, dashboard.Assets)
}

// checkPage lets in who may have the dashboard's files, which hold no data: everybody,
// where what the page calls asks for a token. Elsewhere who may call, and whoever follows
// a link to the page from another site: a page that is gone to is out of that site's reach.
func (a *api) checkPage(r *http.Request) *failure {
	if a.Token != "" {
		return nil
	}
	if a.ours(r.Host) && r.Method == http.MethodGet && r.URL.Path == dashboard.Root &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" {
		return nil
	}
	return a.checkBrowser(r)
}
